import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// An operation that cannot be decoded can still be ended, given back, cancelled and explained.
@Suite(.timeLimit(.minutes(15))) struct StandingTests {
    /// What a newer program, or a hand, can leave in a row while it executes.
    private static let damages: [SQL] = [
        "UPDATE work_queue SET tasks = 'no JSON'",
        "UPDATE work_queue SET depends_on = '{'",
        "UPDATE work_queue SET node_name = 'NO NAME'",
        "UPDATE work_queue SET worker_node = 'NO NAME'",
        "UPDATE work_queue SET attempt_history = '[1]'",
        "UPDATE work_queue SET attempt_history = 'no JSON'",
        "UPDATE work_queue SET queue_name = 'NO QUEUE-user_facing'",
    ]

    private let task = BuiltInTask.networkApplyUpdateDNSMasq.name

    @Test(arguments: damages)
    func `an executing operation that cannot be decoded fails, is given back and ends`(damage: SQL) async throws {
        try await withCluster { cluster in
            let (claim, worker) = try await cluster.claimed(task)
            try await cluster.damage(damage)
            let report = AttemptReport.failed(.init(code: "x", message: "once"))
            #expect(try await worker.settle([claim], report).refused.isEmpty)
            #expect(try await cluster.state(of: claim.operation.id) == "queued failed 1")
            #expect(try await cluster.queue.cancel(claim.operation.id).state == .cancelled)
        }
    }

    @Test(arguments: damages)
    func `an operation of a dead worker that cannot be decoded is returned, with its target`(damage: SQL) async throws {
        try await withCluster { cluster in
            let (claim, _) = try await cluster.claimed(task)
            try await cluster.damage(damage)
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            #expect(try await reaper.pass() == 1)
            #expect(try await cluster.state(of: claim.operation.id) == "queued failed 0")
            #expect(try await cluster.count("SELECT COUNT(*) FROM running_targets") == 0)
        }
    }

    @Test func `a target that is held by nothing that runs is freed by a reaper, and one that is worked on is not`()
        async throws
    {
        try await withCluster { cluster in
            var (claim, worker) = try await cluster.claimed(task)
            let key = try #require(claim.operation.exclusiveKey)
            #expect(try await cluster.database.withSession { try TargetStatements.forgotten(on: $0) } == [])
            try await worker.settle([claim], .succeeded(result: nil))
            let next = try await cluster.enqueue(task, on: "blue", lanes: [.userFacing])[0]
            try await cluster.execute("INSERT INTO running_targets VALUES (\(key), \(claim.operation.id))")
            #expect(try await worker.claim().isEmpty)
            try await Reaper(database: cluster.database, waker: NoWaker(), logger: .silent).pass()
            claim = try #require(try await worker.claim().first)
            #expect(claim.operation.id == next)
        }
    }

    @Test func `a target that another operation takes while a reaper is to free it is that operation's`() async throws {
        try await withCluster { cluster in
            let (claim, worker) = try await cluster.claimed(task)
            let key = try #require(claim.operation.exclusiveKey)
            try await worker.settle([claim], .succeeded(result: nil))
            let next = OperationID.new()
            try await cluster.execute("INSERT INTO running_targets VALUES (\(key), \(claim.operation.id))")
            let held = try await cluster.database.withSession { try TargetStatements.forgotten(on: $0) }
            #expect(held.map(\.operation) == [claim.operation.id])
            let other = try await Connection.open(cluster.configuration)
            try await withThrowingDiscardingTaskGroup { group in
                let isTaken = Locked(false)
                group.addTask {
                    try await eventually("another one has it and has not committed") { isTaken.value }
                    try await cluster.database.withSession { try TargetStatements.free(held[0], on: $0) }
                }
                try await other.withTransaction { transaction in
                    try TargetStatements.free(held[0], on: transaction.session)
                    #expect(try TargetStatements.take(key, for: next, in: transaction))
                    isTaken.update { $0 = true }
                    try blocking { try await eventually("the reaper waits") { try await cluster.lockWaits() > 0 } }
                }
            }
            await other.close()
            #expect(try await cluster.count("SELECT COUNT(*) FROM running_targets WHERE operation = \(next)") == 1)
        }
    }

    @Test(arguments: damages)
    func `a cancel ends an operation that cannot be decoded, also when its worker has died`(damage: SQL) async throws {
        try await withCluster { cluster in
            let (claim, _) = try await cluster.claimed(task)
            try await cluster.damage(damage)
            #expect(try await cluster.queue.cancel(claim.operation.id).state == .executing)
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            #expect(try await reaper.pass() == 1)
            #expect(
                try await cluster.count(
                    "SELECT COUNT(*) FROM finished_operations WHERE id = \(claim.operation.id) AND state = 'cancelled'"
                ) == 1
            )
        }
    }

    @Test func `a follower that cannot be decoded ends with its primary, and holds up neither it nor others`()
        async throws
    {
        try await withCluster { cluster in
            let ids = try await cluster.enqueue(task, on: "blue", lanes: [.userFacing, .background, .backgroundHighIO])
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            #expect(claims.first?.folded.count == 2)
            try await cluster.damage("UPDATE work_queue SET tasks = 'no JSON' WHERE id = \(ids[1])")
            #expect(try await worker.settle(claims, .succeeded(result: nil)).ended == Set(ids))
        }
    }

    @Test(arguments: damages)
    func `an operation that cannot be decoded is explained`(damage: SQL) async throws {
        try await withCluster { cluster in
            let (claim, _) = try await cluster.claimed(task)
            try await cluster.damage(damage)
            let view = try await cluster.connection.explanation(of: claim.operation.id)
            #expect(view.state == .executing && !view.reasons.isEmpty)
        }
    }

    @Test(arguments: ["[1]", "no JSON", "{}"])
    func `a record of an attempt that cannot be decoded keeps nothing from running, and is told as such`(
        text: String
    )
        async throws
    {
        try await withCluster { cluster in
            let id = try await cluster.enqueue(task, on: "blue", lanes: [.userFacing])[0]
            try await cluster.execute("UPDATE work_queue SET attempt_history = \(text)")
            let view = try await cluster.connection.operation(id)
            #expect(view.attemptHistory.isEmpty && view.omitted.map(\.part) == ["attempt_history"])
            var worker = try cluster.worker()
            #expect(try await worker.drain().map(\.id) == [id])
        }
    }

    @Test func `one overdue operation that cannot be ended holds up no other`() async throws {
        try await withCluster { cluster in
            let noop = BuiltInTask.noop.name
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], deadline: .seconds(1)), count: 20)
            try await cluster.execute("UPDATE work_queue SET deadline = NOW(6)")
            // Another operation of the id is in history already, as no code of ours can make it.
            try await cluster.execute(
                """
                INSERT INTO finished_operations (id, kind, tasks, queue_name, lane, requester, max_attempts, state,
                    enqueued_at, ready_at, deliveries, failures, defer_count, finished_at)
                SELECT id, 'command', '["noop"]', 'any-background', 'background', 't', 1, 'complete', NOW(6), NOW(6),
                    1, 0, 0, NOW(6)
                FROM work_queue ORDER BY id LIMIT 1 OFFSET 7
                """
            )
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            try await reaper.pass()
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 1)
            #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations WHERE state = 'error'") == 19)
        }
    }
}

extension TestCluster {
    fileprivate func claimed(_ task: TaskName) async throws -> (Claim, TestWorker) {
        _ = try await enqueue(task, on: "blue", lanes: [.userFacing])
        var worker = try worker()
        return (try await worker.claim()[0], worker)
    }

    /// The state and the failures of a live row, without decoding it.
    fileprivate func state(of id: OperationID) async throws -> String {
        try await database.withSession { session in
            try session.query("SELECT CONCAT(state, ' failed ', failures) FROM work_queue WHERE id = \(id)")[0].only()
        }
    }
}
