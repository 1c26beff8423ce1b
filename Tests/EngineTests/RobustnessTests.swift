import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct RobustnessTests {
    private let noop = BuiltInTask.noop.name

    /// What a newer program, or a hand, can have left in a row.
    private static let damages: [SQL] = [
        "UPDATE work_queue SET tasks = '[\"No Task\"]'",
        "UPDATE work_queue SET tasks = 'no JSON'",
        "UPDATE work_queue SET tasks = '[]'",
        "UPDATE work_queue SET depends_on = '{'",
        "UPDATE work_queue SET node_name = 'NO NAME'",
    ]

    @Test(arguments: damages)
    func `an operation that cannot be decoded is skipped, told once, found again, and can be cancelled`(
        damage: SQL
    )
        async throws
    {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], lane: .userWaiting), count: 7)
            try await cluster.damage(damage)
            let bad = try await cluster.database.withSession { session in
                try session.query("SELECT id FROM work_queue ORDER BY id").map { try $0.only(OperationID.self) }
            }
            let good = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], lane: .background), count: 5)
            var worker = try cluster.worker()
            #expect(try await worker.drain().count == 5)
            #expect(try await cluster.operation(good).state == .complete)
            let told = worker.claiming.takeUnreadable()
            #expect(told.map(\.id).sorted() == bad && told.allSatisfy { $0.reason.contains("column") })
            #expect(try await worker.claim().isEmpty && worker.claiming.takeUnreadable().isEmpty)
            #expect(
                try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE state = 'queued' AND deliveries = 0")
                    == 7
            )
            let (found, examined) = try await cluster.connection.unreadableOperations()
            #expect(found.map(\.id) == bad && examined == 7)
            #expect(try await cluster.queue.cancel(bad[0]).state == .cancelled)
        }
    }

    @Test func `a sibling that cannot be decoded follows nobody, and nobody is held up by it`() async throws {
        try await withCluster { cluster in
            let task = BuiltInTask.networkApplyUpdateDNSMasq.name
            let ids = try await cluster.enqueue(task, on: "blue", lanes: [.userFacing, .background])
            try await cluster.execute("UPDATE work_queue SET tasks = '[' WHERE id = \(ids[1])")
            var worker = try cluster.worker()
            #expect(try await worker.drain().map(\.id) == [ids[0]])
        }
    }

    @Test func `sessions are forgotten without a lock on what runs`() async throws {
        try await withCluster { cluster in
            let node = try await cluster.addNode("h1")
            for _ in 0..<3 {
                try await cluster.execute(
                    """
                    INSERT INTO sessions (id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at,
                        expires_at, dead)
                    VALUES (UUID(), 'queueworker', \(node), 'h1', 1, 1, NOW(6), NOW(6) - INTERVAL 2 HOUR, NOW(6), TRUE)
                    """
                )
            }
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            var worker = try cluster.worker()
            _ = try await worker.claim()
            try await cluster.execute(
                "UPDATE work_queue SET session = (SELECT MIN(id) FROM sessions) WHERE id = \(id)"
            )
            let holder = try await Connection.open(cluster.configuration)
            let locks = try await holder.withTransaction { transaction in
                // What the claim's and the ending's transactions do to the row, and to its entry in the index.
                try transaction.execute("UPDATE work_queue SET session = UUID() WHERE id = \(id)")
                return try blocking {
                    let asker = try await Connection.open(cluster.configuration)
                    let count = try await asker.withTransaction { other in
                        try other.execute("SET innodb_lock_wait_timeout = 1")
                        try SessionStatements.forgetDead(on: other.session)
                        return try other.listed("trx_tables_locked")
                    }
                    await asker.close()
                    return count
                }
            }
            #expect(locks == 1, "sessions alone")
            #expect(try await cluster.count("SELECT COUNT(*) FROM sessions") == 1, "that of the operation stays")
            await holder.close()
        }
    }

    @Test func `an end whose row enqueuers hold one after the other is written when it is waited for`() async throws {
        try await withCluster(connections: 16) { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            var worker = try cluster.worker()
            let claim = try await worker.claim()[0]
            let entry = Settling.Entry(id: id, delivery: claim.operation.deliveries, report: .succeeded(result: nil))
            let (holding, isOver, skipped) = (Locked(0), Locked(false), Locked(0))
            let (settling, session) = (worker.settling, worker.identity.session)
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<8 {
                    group.addTask {
                        while !isOver.value {
                            try await cluster.database.withTransaction { transaction in
                                _ = try EnqueueStatements.lockLive([id], in: transaction)
                                holding.update { $0 += 1 }
                                _ = try transaction.query("SELECT SLEEP(0.05)")
                            }
                        }
                    }
                }
                try await eventually("they hold it") { holding.value > 8 }
                for _ in 0..<50 {
                    let result = try await settling.settle([entry], of: session)
                    skipped.update { $0 += result.locked.count }
                    if !result.settled.isEmpty { break }
                }
                let result = try await settling.settlePatiently(entry, of: session)
                #expect(result.settled == [id] || skipped.value < 50)
                isOver.update { $0 = true }
            }
            #expect(skipped.value > 40, "skipped \(skipped.value) times: this run proved nothing")
            #expect(try await cluster.operation(id).state == .complete)
        }
    }

    @Test func `a row that is held for longer than a second is left for the next batch, and nothing is lost`()
        async throws
    {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            let entry = Settling.Entry(id: id, delivery: 1, report: .succeeded(result: nil))
            let (settling, session) = (worker.settling, worker.identity.session)
            let holder = try await Connection.open(cluster.configuration)
            let result = try await holder.withTransaction { transaction in
                _ = try EnqueueStatements.lockLive([id], in: transaction)
                return try blocking { try await settling.settlePatiently(entry, of: session) }
            }
            #expect(result.locked == [id] && result.settled.isEmpty && result.superseded.isEmpty)
            #expect(try await worker.settle(claims, .succeeded(result: nil)).settled == [id])
            await holder.close()
        }
    }

    @Test func `patience ends after a second of being skipped, and begins anew with each claim`() {
        var patience = SkippedRows()
        let (start, id, other) = (SuspendingClock.now, OperationID.new(), OperationID.new())
        #expect(!patience.isOver(for: id, at: start))
        patience.wrote([id, other], skipped: [id], at: start)
        patience.wrote([id], skipped: [id], at: start + .milliseconds(600))
        #expect(!patience.isOver(for: id, at: start + .milliseconds(999)))
        #expect(patience.isOver(for: id, at: start + .seconds(1)))
        #expect(!patience.isOver(for: other, at: start + .seconds(60)))
        let waits = [1, 8, 16, 32, 300].map { patience.wait(for: id, at: start + .seconds($0)) }
        #expect(waits == [.oneSecond, .twoSeconds, .fourSeconds, .eightSeconds, .eightSeconds])
        patience.wrote([id], skipped: [], at: start + .seconds(2))
        #expect(!patience.isOver(for: id, at: start + .seconds(60)))
    }
}
