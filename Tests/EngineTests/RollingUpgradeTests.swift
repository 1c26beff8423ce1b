import ClusterOpsTestKit
import Logging
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// This program as the one of the release before: it works under a schema that a newer one migrates beside it.
///
/// `deploy/test-upgrade` does the same with the programs of an older release.
@Suite(.timeLimit(.minutes(15))) struct RollingUpgradeTests {
    private static let next = Migrations.migrator.latest + 1

    /// One of each kind that a later release may add to the tables that every claim needs.
    private static let additions = [
        "ALTER TABLE work_queue ADD COLUMN IF NOT EXISTS shelf INT NULL, ALGORITHM = INSTANT",
        "ALTER TABLE finished_operations ADD COLUMN IF NOT EXISTS shelf INT NULL, ALGORITHM = INSTANT",
        "ALTER TABLE sessions ADD COLUMN IF NOT EXISTS shelf INT NOT NULL DEFAULT 1, ALGORITHM = INSTANT",
        "CREATE TABLE IF NOT EXISTS shelves (id INT PRIMARY KEY) ENGINE = InnoDB",
        "ALTER TABLE work_queue ADD INDEX IF NOT EXISTS work_by_shelf (shelf), ALGORITHM = INPLACE, LOCK = NONE",
    ].enumerated().map { number, statement in
        Migration(version: Self.next + number, name: "addition \(number)", statement: statement, isAdditive: true)
    }

    @Test func `work goes on while a newer program migrates, and under the schema that it leaves`() async throws {
        try await withCluster(connections: 16) { cluster in
            for node in ["h1", "h2"] { try await cluster.addNode(node) }
            let noop = BuiltInTask.noop
            let log = EffectLog()
            let handler = RecordingHandler(noop.definition, log: log)
            let workers = try ["h1", "h2"].map { try cluster.liveWorker($0, handlers: [handler], slots: 8) }
            let connection = ClusterConnection(cluster.configuration, requester: "old", logger: .silent)
            let (ids, isOver) = (Locked<[OperationID]>([]), Locked(false))
            try await cluster.withWorkers(workers) {
                try await withThrowingDiscardingTaskGroup { group in
                    for _ in 0..<3 {
                        group.addTask {
                            while !isOver.value {
                                let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop.name])).uuid
                                ids.update { $0.append(id) }
                            }
                        }
                    }
                    try await eventually("work is done") { log.effects.count > 100 }
                    let status = try await Migrator(Migrations.all + Self.additions).migrate(
                        cluster.database,
                        lease: MigrationLease(),
                        logger: .silent
                    )
                    #expect(status.isMigrated && status.floor == Migrations.migrator.planFromNothing.floor)
                    let before = log.effects.count
                    try await eventually("work goes on") { log.effects.count > before + 100 }
                    isOver.update { $0 = true }
                }
                try await connection.requireMigrated()
                try await eventually("all has ended") {
                    try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0
                }
            }
            #expect(log.effects.count == ids.value.count && !log.effects.contains(where: \.wasCancelled))
            #expect(
                try await cluster.count("SELECT COUNT(*) FROM finished_operations WHERE state = 'complete'")
                    == ids.value.count
            )
            await connection.close()
        }
    }

    @Test func `below the floor a running worker works on, and nothing begins`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let worker = try cluster.liveWorker("h1", handlers: [NoopHandler()])
            let connection = ClusterConnection(cluster.configuration, requester: "old", logger: .silent)
            try await cluster.withWorkers([worker]) {
                try await eventually("it runs") { try await cluster.count("SELECT COUNT(*) FROM sessions") == 1 }
                let breaking = Migration(
                    version: Self.next,
                    name: "drop shelf",
                    statement: "ALTER TABLE nodes DROP COLUMN IF EXISTS shelf, ALGORITHM = INSTANT"
                )
                let newer = Migrator(Migrations.all + [breaking])
                _ = try await newer.migrate(cluster.database, lease: MigrationLease(), logger: .silent)
                let error = await #expect(throws: ClusterOpsError.self) { try await connection.requireMigrated() }
                #expect(error?.code == .notMigrated && error?.message.contains("use the newer program") == true)
                let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
                #expect(try await cluster.queue.ends(of: [id], timeout: .seconds(60)).inTime)
                let late = try cluster.liveWorker("h1", handlers: [NoopHandler()])
                try await cluster.withWorkers([late]) {
                    let pulse = try await cluster.renewals()
                    try await eventually("the first one renews twice") {
                        try await cluster.renewals() > pulse + 2
                    }
                    #expect(try await cluster.count("SELECT COUNT(*) FROM sessions") == 1, "the second has none")
                }
            }
            await connection.close()
        }
    }
}

extension TestCluster {
    fileprivate func renewals() async throws -> Int {
        try await count("SELECT CAST(SUM(renewals) AS SIGNED) FROM sessions")
    }
}
