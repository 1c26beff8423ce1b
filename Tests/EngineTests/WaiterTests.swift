import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// Whoever waits for the end of an operation is rung by whoever ends it.
@Suite(.timeLimit(.minutes(15))) struct WaiterTests {
    private let noop = BuiltInTask.noop.name
    /// So long that no test ends by a look that nobody rang for.
    private let never = PollPace(first: .seconds(3600), longest: .seconds(3600))

    @Test func `a waiter whose pace is an hour wakes when a worker ends its operation`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.beReachable()
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], delay: .seconds(3600))).uuid
            let worker = try cluster.liveWorker("h1", handlers: [NoopHandler()], waker: cluster.ringer)
            try await cluster.withWorkers([worker]) {
                async let ends = cluster.queue.ends(of: [id], timeout: nil, pace: never)
                try await cluster.untilWaiting()
                try await cluster.execute("UPDATE work_queue SET ready_at = NOW(6)")
                let (states, inTime) = try await ends
                #expect(inTime && states == [id: .complete])
            }
            try await eventually("who ended it has taken the row away") { try await cluster.waiters() == 0 }
        }
    }

    @Test func `who has waited before an end was written is rung without a look-up, and not again`() async throws {
        try await withCluster { cluster in
            try await cluster.beReachable()
            var worker = try cluster.worker()
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            async let ends = cluster.queue.ends(of: [id], timeout: nil, pace: never)
            try await cluster.untilWaiting()
            let failure = OperationFailure(code: "on_order", message: "")
            let first = try await worker.settle(try await worker.claim(), .failed(failure))
            #expect(first.settled == [id] && first.waiters.isEmpty, "it has not ended: it is tried again")
            try await cluster.execute("UPDATE work_queue SET ready_at = NOW(6)")
            let result = try await worker.settle(try await worker.claim(), .succeeded(result: nil))
            #expect(result.waiters.map(\.operation) == [id])
            cluster.ringer.wake(result.waiters)
            #expect(try await ends.states == [id: .complete])
            #expect(try await cluster.waiters() == 1)
            await cluster.ringer.wakeWaiters(of: result.ended, besides: Set(result.waiters))
            #expect(try await cluster.waiters() == 0, "who was rung before is not left entered")
        }
    }

    @Test func `the waiter of a follower is rung when its primary ends`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            try await cluster.beReachable()
            let request = OperationRequest(
                tasks: [BuiltInTask.networkApplyUpdateDNSMasq.name],
                target: .init(network: try NetworkName("blue")),
                allowsDedup: false
            )
            let primary = try await cluster.queue.enqueue(request).uuid
            let follower = try await cluster.queue.enqueue(request).uuid
            async let ends = cluster.queue.ends(of: [follower], timeout: nil, pace: never)
            try await cluster.untilWaiting()
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            try #require(claims.map(\.operation.id) == [primary] && claims[0].folded.count == 1)
            let result = try await worker.settle(claims, .succeeded(result: nil))
            await cluster.ringer.wakeWaiters(of: result.ended)
            #expect(try await ends.states == [follower: .complete])
        }
    }

    @Test func `a waiter is rung by a cancel, and by a reaper that ends what is overdue`() async throws {
        try await withCluster { cluster in
            try await cluster.beReachable()
            let queue = cluster.queue(waking: cluster.ringer)
            let delay = Duration.seconds(3600)
            let cancelled = try await queue.enqueue(OperationRequest(tasks: [noop], delay: delay)).uuid
            async let first = queue.ends(of: [cancelled], timeout: nil, pace: never)
            try await cluster.untilWaiting()
            _ = try await queue.cancel(cancelled)
            #expect(try await first.states == [cancelled: .cancelled])

            let overdue = try await queue.enqueue(
                OperationRequest(tasks: [noop], delay: delay, deadline: .seconds(7200))
            ).uuid
            async let second = queue.ends(of: [overdue], timeout: nil, pace: never)
            try await cluster.untilWaiting()
            try await cluster.execute("UPDATE work_queue SET deadline = NOW(6) - INTERVAL 1 SECOND")
            try await Reaper(database: cluster.database, waker: cluster.ringer, logger: .silent).pass()
            #expect(try await second.states == [overdue: .error])
        }
    }

    @Test func `an operation that ends while its waiter registers is not slept through`() async throws {
        try await withCluster { cluster in
            try await cluster.beReachable()
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            let claimer = worker
            let isHeld = Locked(false)
            async let ends = {
                try await eventually("registering is held up") { isHeld.value }
                return try await cluster.queue.ends(of: [id], timeout: nil, pace: never)
            }()
            try await cluster.database.withSession { session in
                // The waiter has looked, and is held up here while the operation ends, for which nobody rings: the gap
                // into which its row belongs is locked, and can be read.
                try session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                try session.execute("START TRANSACTION")
                try session.execute("SELECT * FROM operation_waiters WHERE operation = \(id) FOR UPDATE")
                isHeld.update { $0 = true }
                try blocking {
                    try await cluster.untilProcess("INSERT INTO operation_waiters%")
                    try await claimer.settle(claims, .succeeded(result: nil))
                }
                try session.execute("COMMIT")
            }
            #expect(try await ends.states == [id: .complete])
            #expect(try await cluster.waiters() == 0, "nobody else would take the row away")
        }
    }

    @Test func `a wait that is watched tells where it is again and again, under one registration`() async throws {
        try await withCluster { cluster in
            try await cluster.beReachable()
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], delay: .seconds(3600))).uuid
            let told = Locked<[[OperationID: OperationState]]>([])
            let watcher = EndWatcher(every: .milliseconds(10)) { states in told.update { $0.append(states) } }
            async let ends = cluster.queue.ends(of: [id], timeout: nil, watcher: watcher)
            try await cluster.untilWaiting()
            // What is registered would be another doorbell, on another port, each time.
            let doorbells = try await cluster.doorbells()
            let before = told.value.count
            try await eventually("it has told some more") { told.value.count > before + 20 }
            #expect(try await cluster.doorbells() == doorbells && doorbells.count == 1)
            #expect(told.value.allSatisfy { $0 == [id: .queued] })
            _ = try await cluster.queue.cancel(id)
            #expect(try await ends.states == [id: .cancelled])
            try await eventually("who ended it has taken the row away") { try await cluster.waiters() == 0 }
        }
    }

    @Test func `without any worker to ring, a waiter looks again and again, and gives up in time`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let (states, inTime) = try await cluster.queue.ends(of: [id], timeout: .milliseconds(50), pace: never)
            #expect(!inTime && states == [id: .queued])
            async let outcome = cluster.queue.outcome(of: id)
            var worker = try cluster.worker()
            try await worker.settle(try await worker.claim(), .succeeded(result: "[1]"))
            #expect(try await outcome == .complete(result: "[1]"))
            #expect(try await cluster.waiters() == 0)
        }
    }

    @Test func `an outcome is waited for up to its time, and of an unknown operation there is none`() async throws {
        try await withCluster { cluster in
            try await cluster.beReachable()
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            #expect(try await cluster.queue.outcome(of: id, timeout: .milliseconds(20)) == nil)
            let error = await #expect(throws: ClusterOpsError.self) { try await cluster.queue.outcome(of: .new()) }
            #expect(error?.code == .notFound)
            _ = try await cluster.queue.cancel(id)
            let outcome = try await cluster.queue.outcome(of: id)
            #expect(outcome?.state == .cancelled && outcome?.failure?.code == "cancelled")
        }
    }

    @Test func `a wait that is cancelled ends at once, and a waiter that died is swept when it has expired`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.beReachable()
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            try await withThrowingTaskGroup(of: Void.self) { group in
                let (queue, never) = (cluster.queue, never)
                group.addTask { _ = try await queue.ends(of: [id], timeout: nil, pace: never) }
                try await cluster.untilWaiting()
                group.cancelAll()
                await #expect(throws: CancellationError.self) { try await group.next() }
            }
            try await cluster.execute("DELETE FROM operation_waiters")
            try await cluster.execute(
                """
                INSERT INTO operation_waiters VALUES
                    (\(id), '127.0.0.1:1', NOW(6) - INTERVAL 1 SECOND), (\(id), '127.0.0.1:2', NOW(6) + INTERVAL 1 HOUR)
                """
            )
            try await Reaper(database: cluster.database, waker: NoWaker(), logger: .silent).pass()
            #expect(try await cluster.waiters() == 1)
            #expect(try await cluster.count("SELECT COUNT(*) FROM operation_waiters WHERE doorbell LIKE '%:2'") == 1)
        }
    }

    @Test(arguments: [30, 20_000])
    func `who waits is looked up by ranges of the primary key`(rows: Int) async throws {
        try await withCluster { cluster in
            try await cluster.execute(
                """
                INSERT INTO operation_waiters
                SELECT UUID(), '127.0.0.1:1', NOW(6) + INTERVAL 1 HOUR FROM seq_1_to_20000 WHERE seq <= \(rows)
                """
            )
            try await cluster.execute("ANALYZE TABLE operation_waiters")
            let ids = try await cluster.database.withSession { session in
                try session.query("SELECT operation FROM operation_waiters LIMIT 20").map {
                    try $0.only(OperationID.self)
                }
            }
            let plan = try await cluster.explain(WaiterStatements.waitersQuery(for: ids))
            #expect(plan.count == 1 && plan.allSatisfy { $0.type == "range" && $0.key == "PRIMARY" && !$0.sorts })
        }
    }
}

extension TestCluster {
    /// Counts the waiters.
    fileprivate func waiters() async throws -> Int { try await count("SELECT COUNT(*) FROM operation_waiters") }

    /// Where waiters are rung.
    fileprivate func doorbells() async throws -> [String] {
        try await database.withSession { session in
            try session.query("SELECT doorbell FROM operation_waiters").map { try $0.only(String.self) }
        }
    }

    /// Rings as a worker's process does.
    fileprivate var ringer: DoorbellWaker {
        DoorbellWaker(database: database, sender: DoorbellSender(logger: .silent))
    }

    fileprivate func queue(waking waker: any Waker) -> OperationQueue {
        OperationQueue(database: database, requester: "test", counters: counters, waker: waker)
    }

    /// Enters a session with a doorbell, towards which a waiter finds its own address.
    fileprivate func beReachable() async throws {
        try await execute(
            """
            INSERT INTO sessions
                (id, daemon, node, node_name, pid, doorbell, lease_microseconds, started_at, renewed_at, expires_at)
            VALUES (UUID(), 'queueworker', UUID(), 'h9', 1, '127.0.0.1:9', 3600000000, NOW(6), NOW(6),
                NOW(6) + INTERVAL 1 HOUR)
            """
        )
    }

    fileprivate func untilWaiting() async throws {
        try await eventually("somebody waits") { try await waiters() > 0 }
    }

    /// Waits until the server works on such a statement of this schema.
    fileprivate func untilProcess(_ pattern: String) async throws {
        try await eventually("\(pattern) is under way") {
            try await count(
                """
                SELECT COUNT(*) FROM information_schema.processlist
                WHERE db = DATABASE() AND id <> CONNECTION_ID() AND info LIKE \(pattern)
                """
            ) > 0
        }
    }
}
