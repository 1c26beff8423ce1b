import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore
@testable import DatabaseTime

/// What becomes of followers when the operation that they ride on does not complete.
@Suite(.timeLimit(.minutes(15))) struct FollowerEndTests {
    private let log = EffectLog()

    @Test func `a follower whose task was not reached goes back to its queue, and runs by itself`() async throws {
        try await withCluster { cluster in
            let ids = try await cluster.survivorAndFollower(["fails", "refresh"], follower: "refresh")
            let readyAt = try await cluster.operation(ids.follower).readyAt
            try await cluster.run(log) {
                try await eventually("both have ended") {
                    try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 2
                }
            }
            #expect(try await cluster.operation(ids.primary).state == .error)
            let follower = try await cluster.operation(ids.follower)
            #expect(follower.state == .complete && follower.deliveries == 1 && follower.readyAt == readyAt)
            #expect(follower.unfoldedFrom == ids.primary)
            let events = Timeline(follower, adoptions: [], now: follower.enqueuedAt).events.map(\.event)
            #expect(events.contains(.folded) && events.contains(.unfolded))
        }
    }

    @Test func `a follower whose task was done completes, although the operation that did it fails`() async throws {
        try await withCluster { cluster in
            let ids = try await cluster.survivorAndFollower(["refresh", "fails"], follower: "refresh")
            try await cluster.run(log) {
                try await eventually("both have ended") {
                    try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 2
                }
            }
            #expect(try await cluster.operation(ids.primary).state == .error)
            let follower = try await cluster.operation(ids.follower)
            #expect(follower.state == .complete && follower.foldedInto == ids.primary && follower.deliveries == 0)
            #expect(log.effects(of: ids.follower).isEmpty)
        }
    }

    @Test func `a follower does not end after its primary, however the two end`() async throws {
        try await withCluster { cluster in
            try await cluster.register("refresh", coalescible: true, attempts: 1)
            try await cluster.register("fails", attempts: 1)
            let (refresh, fails) = (try TaskName("refresh"), try TaskName("fails"))
            var worker = try cluster.worker(commands: ["refresh", "fails"], coalescible: true)
            // An order that is left to chance is the right one as often as not, and the same for the same outcomes.
            let rounds = 16
            for round in 0..<rounds {
                _ = try await cluster.queue.enqueue(OperationRequest(tasks: [refresh, fails], lane: .userFacing))
                let single = OperationRequest(tasks: [refresh], lane: .background, allowsDedup: false)
                _ = try await cluster.queue.enqueue(single)
                let claims = try await worker.claim(1)
                let entries = claims.map {
                    Settling.Entry(
                        id: $0.operation.id,
                        delivery: $0.operation.deliveries,
                        report: .failed(OperationFailure(code: "command_failed", message: "it failed, \(round)")),
                        completedTasks: 1
                    )
                }
                #expect(try await worker.settling.settle(entries, of: worker.identity.session).ended.count == 2)
            }
            let pairs: SQL = "FROM finished_operations AS f JOIN finished_operations AS p ON p.id = f.folded_into"
            #expect(try await cluster.count("SELECT COUNT(*) \(sql: pairs) WHERE f.state <> p.state") == rounds)
            #expect(try await cluster.count("SELECT COUNT(*) \(sql: pairs) WHERE f.finished_at > p.finished_at") == 0)
        }
    }

    @Test func `a follower whose own task failed shares the failure`() async throws {
        try await withCluster { cluster in
            let ids = try await cluster.survivorAndFollower(["refresh", "breaks"], follower: "breaks")
            try await cluster.run(log) {
                try await eventually("both have ended") {
                    try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 2
                }
            }
            let follower = try await cluster.operation(ids.follower)
            #expect(follower.state == .error && follower.foldedInto == ids.primary)
            #expect(follower.error?.code == RecordingHandler.failureCode)
        }
    }

    @Test func `a request that joins the last of several attempts has its own attempts after it`() async throws {
        try await withCluster { cluster in
            let task = BuiltInTask.networkApplyUpdateDNSMasq.name
            let first = try await cluster.enqueue(task, on: "blue", lanes: [.userFacing])[0]
            var worker = try cluster.worker()
            try await worker.settle(try await worker.claim(), .failed(.init(code: "x", message: "early")))
            try await cluster.execute("UPDATE work_queue SET max_attempts = 2")
            let late = try await cluster.enqueue(task, on: "blue", lanes: [.background])[0]
            try await cluster.makeReady()
            let claims = try await worker.claim()
            #expect(claims.map(\.operation.id) == [first] && claims[0].folded.count == 1)
            try await worker.settle(claims, .failed(.init(code: "x", message: "last")))
            #expect(try await cluster.operation(first).state == .error)
            let second = try await cluster.operation(late)
            #expect(second.state == .queued && second.unfoldedFrom == first && second.failures == 0)
        }
    }

    @Test func `a primary that comes back waits in the best open lane of those that ride on it`() async throws {
        try await withCluster { cluster in
            let task = BuiltInTask.networkApplyUpdateDNSMasq.name
            let waiting = QueuePatternOf(lane: .userWaiting)
            _ = try await cluster.connection.pause(try waiting.pattern, reason: "for a moment")
            let ids = try await cluster.enqueue(
                task,
                on: "blue",
                lanes: [.backgroundHighIO, .userWaiting, .userFacing]
            )
            var worker = try cluster.worker(queues: ["networknode-background_high_io"])
            let claims = try await worker.claim()
            #expect(claims.map(\.operation.id) == [ids[0]] && claims[0].folded.count == 2)
            try await worker.settle(claims, .handedBack)
            #expect(try await cluster.operation(ids[0]).queue.lane == .userFacing, "user_waiting is paused")
            _ = try await cluster.connection.resume(try waiting.pattern)
            var other = try cluster.worker(queues: ["networknode-user_facing"])
            try await other.settle(try await other.claim(), .failed(.init(code: "x", message: "once")))
            #expect(try await cluster.operation(ids[0]).queue.lane == .userWaiting)
            _ = try await cluster.connection.pause(try QueuePattern("networknode-background_high_io"), reason: "r")
            try await cluster.makeReady()
            var last = try cluster.worker()
            #expect(try await last.claim().map(\.operation.id) == [ids[0]])
        }
    }

    @Test func `a follower whose task was done completes at once, although its primary comes back for the rest`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.register("refresh", "restart", coalescible: true)
            let (refresh, restart) = (try TaskName("refresh"), try TaskName("restart"))
            let primary = try await cluster.queue.enqueue(OperationRequest(tasks: [refresh, restart])).uuid
            var followers: [OperationID] = []
            for task in [refresh, restart] {
                let request = OperationRequest(tasks: [task], lane: .background, allowsDedup: false)
                followers.append(try await cluster.queue.enqueue(request).uuid)
            }
            var worker = try cluster.worker(commands: ["refresh", "restart"], coalescible: true)
            let claim = try #require(try await worker.claim(1).first)
            #expect(claim.operation.id == primary && claim.folded.count == 2)
            let entry = Settling.Entry(
                id: primary,
                delivery: 1,
                report: .failed(.init(code: "x", message: "once")),
                completedTasks: 1
            )
            let result = try await Settling(database: cluster.database).settle([entry], of: worker.identity.session)
            #expect(result.ended == [followers[0]])
            #expect(try await cluster.operation(primary).state == .queued)
            #expect(try await cluster.operation(followers[1]).foldedInto == primary)
        }
    }

    @Test func `a follower shares what became of its own task, whatever the primary's end`() throws {
        let (first, second) = (try TaskName("first"), try TaskName("second"))
        let (early, late) = (Timestamp(microseconds: 10), Timestamp(microseconds: 30))
        let failed = OperationOutcome.error(.init(code: "x", message: "no"), afterAttempt: true)
        let poison = OperationOutcome.error(.init(code: "poison", message: "no"), afterAttempt: false)
        let done = OperationOutcome.complete(result: nil)
        func fate(
            _ task: TaskName?,
            of outcome: OperationOutcome?,
            _ tasks: [TaskName],
            done completed: Int = 0,
            folded: Timestamp = early
        ) -> PrimaryEnd.Fate {
            var end = PrimaryEnd(id: .new(), outcome: outcome, tasks: tasks, completedTasks: completed)
            end.firstFailedAt = Timestamp(microseconds: 20)
            return end.fate(of: .init(id: .new(), primary: end.id, task: task, foldedAt: folded))
        }
        let both = [first, second]
        #expect(fate(second, of: done, both, done: 2) == .ends(done))
        #expect(fate(first, of: nil, both, done: 1) == .ends(done) && fate(second, of: nil, both, done: 1) == .stays)
        #expect(fate(first, of: failed, both, done: 1) == .ends(done))
        #expect(fate(second, of: failed, both, done: 1) == .ends(failed))
        #expect(fate(second, of: failed, both) == .returns)
        #expect(fate(second, of: failed, both, done: 1, folded: late) == .returns, "it joined after a failed attempt")
        #expect(fate(first, of: poison, both) == .ends(poison) && fate(second, of: poison, both) == .returns)
        #expect(fate(first, of: .cancelled("c"), [first]) == .returns)
        #expect(fate(first, of: .cancelled("c"), both, done: 1) == .ends(done))
        #expect(fate(first, of: .pastDeadline("late"), []) == .returns)
        #expect(fate(nil, of: failed, [first]) == .ends(failed), "one that cannot be decoded")
        #expect(fate(nil, of: failed, both) == .returns)
        let removed = OperationOutcome.aborted(.nodeRemoved(try NodeName("h2")))
        #expect(fate(first, of: removed, []) == .ends(removed))
    }

    /// A rule for one lane of the elected node's queues.
    private struct QueuePatternOf {
        let lane: Lane
        var pattern: QueuePattern { get throws { try QueuePattern("networknode-\(lane.rawValue)") } }
    }
}

extension TestCluster {
    /// A list of tasks and a request for one of them, which waits in a worse lane and is folded when the list starts.
    fileprivate func survivorAndFollower(
        _ tasks: [String],
        follower: String
    ) async throws -> (primary: OperationID, follower: OperationID) {
        try await addNode("h1")
        try await register("refresh", "breaks", coalescible: true, attempts: 1)
        try await register("fails", attempts: 1)
        let list = OperationRequest(tasks: try tasks.map { try TaskName($0) }, lane: .userFacing)
        let primary = try await queue.enqueue(list).uuid
        let single = OperationRequest(tasks: [try TaskName(follower)], lane: .background, allowsDedup: false)
        return (primary, try await queue.enqueue(single).uuid)
    }

    /// Runs a body beside one real worker, in which `fails` and `breaks` fail.
    fileprivate func run(_ log: EffectLog, _ body: @Sendable () async throws -> Void) async throws {
        let handlers = try ["refresh", "breaks", "fails"].map { name in
            RecordingHandler(
                TaskDefinition(
                    name: try TaskName(name),
                    kind: .command,
                    isCoalescible: name != "fails",
                    maximumAttempts: 1,
                    timeout: .seconds(60)
                ),
                log: log,
                course: { _ in name == "refresh" ? .succeed(after: .zero) : .fail }
            )
        }
        try await withWorkers([try liveWorker("h1", handlers: handlers, slots: 1)], body)
    }
}
