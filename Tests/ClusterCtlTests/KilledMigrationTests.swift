import ChildProcess
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterStore

/// A `db migrate` that is killed in the middle of a step.
@Suite(.timeLimit(.minutes(15))) struct KilledMigrationTests {
    @Test func `a migration that was killed in a step is gone on with by the next one, after its lease`() async throws {
        try await withCluster { cluster in
            // The last step that alters `work_queue`, which somebody uses.
            let last = 46
            try await cluster.execute("ALTER TABLE work_queue DROP INDEX work_by_lookup")
            try await cluster.execute("DELETE FROM schema_migrations WHERE version >= \(last)")
            try await cluster.holding("SELECT COUNT(*) FROM work_queue") {
                let killed = try await ClusterCtlProgram.start(["db", "migrate"], on: cluster)
                try await eventually("it is in the step") {
                    try await cluster.count(
                        "SELECT COUNT(*) FROM schema_migrations WHERE version = \(last) AND finished_at IS NULL"
                    ) == 1
                }
                let refused = try await cluster.database.withSession { session in
                    let impatient = MigrationLease(holder: "another one", patience: .milliseconds(200))
                    return #expect(throws: Migrator.Refusal.self) {
                        try Migrations.migrator.migrate(on: session, lease: impatient, logger: .silent)
                    }
                }
                #expect(refused?.description.contains("another migration has been running") == true)
                _ = killed.signal(SIGKILL)
                #expect(try await killed.exit == .signal(SIGKILL))
            }
            let owned: SQL = "SELECT COUNT(*) FROM migration_lease WHERE owner IS NOT NULL"
            #expect(try await cluster.count(owned) == 1, "the lease is still the killed one's")
            let next = try await ClusterCtlProgram.run(["db", "migrate"], on: cluster.configuration)
            #expect(next.status == 0, "\(next.talk)")
            #expect(try await cluster.count(owned) == 0)
            let status = try await cluster.database.withSession { try Migrations.migrator.status(on: $0) }
            #expect(status.isUsable)
        }
    }
}
