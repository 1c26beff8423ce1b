import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterReports
@testable import ClusterStore

/// Migrations whose connection breaks; DDL commits by itself, so every statement is a COMMIT.
@Suite(.timeLimit(.minutes(15))) struct MigratorCutTests {
    private static let places = [
        "CREATE TABLE IF NOT EXISTS schema_migrations", "CREATE TABLE IF NOT EXISTS migration_lease",
        "SET owner = ", "INSERT INTO schema_migrations",
        "CREATE TABLE IF NOT EXISTS work_queue", "CREATE TABLE IF NOT EXISTS leases",
        "CREATE PROCEDURE IF NOT EXISTS record_edges", "UPDATE schema_migrations",
    ]

    @Test(arguments: [Disturbance.cutBefore, .cutAfter, .landLate])
    func `a migration that is cut anywhere is gone on with, and the schema is the same`(
        disturbance: Disturbance
    )
        async throws
    {
        let expected = try await withCluster { try await $0.database.definitions() }
        try await withFreshSchema { direct, configuration in
            let proxy = try DatabaseProxy(to: PrivateServer.shared)
            defer { proxy.close() }
            for (number, place) in Self.places.enumerated() {
                proxy.order(disturbance, at: .statement(place))
                // A connection of its own each time: what a pool would do again, a command does not.
                let connection = try await Connection.open(proxy.configuration(configuration))
                let error = await #expect(throws: DatabaseError.self, "\(place)") {
                    try await connection.withSession { session in
                        // Short: each attempt waits for the lease of the one that was cut before.
                        let lease = MigrationLease(duration: .milliseconds(500))
                        _ = try Migrations.migrator.migrate(on: session, lease: lease, logger: .silent)
                    }
                }
                #expect(error?.breaksConnection == true, "\(place): \(String(describing: error))")
                #expect(proxy.counts.cutBefore + proxy.counts.cutAfter + proxy.counts.landedLate <= number + 1)
                await connection.close()
            }
            try await eventually("the last one has landed") {
                proxy.counts.of(disturbance) == Self.places.count
            }
            let status = try await direct.withSession { session in
                try Migrations.migrator.migrate(on: session, logger: .silent)
            }
            #expect(status.isMigrated)
            let definitions = try await direct.definitions()
            #expect(definitions == expected && !definitions.isEmpty)
        }
    }
}

extension Database {
    /// Returns every column, constraint and procedure of the schema, with its definition.
    fileprivate func definitions() async throws -> [String] {
        try await withSession { session in
            try session.query(
                """
                SELECT CONCAT_WS(' ', table_name, LPAD(ordinal_position, 3, '0'), column_name, column_type, is_nullable,
                    column_key) AS definition
                FROM information_schema.columns WHERE table_schema = DATABASE()
                UNION ALL SELECT CONCAT_WS(' ', table_name, constraint_name, check_clause)
                FROM information_schema.check_constraints WHERE constraint_schema = DATABASE()
                UNION ALL SELECT CONCAT_WS(' ', routine_name, routine_definition)
                FROM information_schema.routines WHERE routine_schema = DATABASE()
                ORDER BY definition
                """
            ).map { try $0.only(String.self) }
        }
    }
}
