import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore
@testable import DatabaseTime

@Suite struct ExplanationTests {
    /// Facts about a waiting operation, and the reasons that follow from them.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let expected: [ReasonView.Reason]
        let message: String
        var queue = "any-user_facing"
        var state = OperationState.queued
        let change: @Sendable (inout ExplanationFacts) throws -> Void

        init(
            _ sentence: String,
            _ expected: ReasonView.Reason...,
            saying message: String,
            queue: String = "any-user_facing",
            state: OperationState = .queued,
            change: @escaping @Sendable (inout ExplanationFacts) throws -> Void = { _ in }
        ) {
            testDescription = sentence
            self.expected = expected
            self.message = message
            self.queue = queue
            self.state = state
            self.change = change
        }
    }

    private static let other = OperationID.new()

    static let cases: [Case] = [
        Case("what nothing keeps is about to run", .aboutToRun, saying: "nothing keeps it"),
        Case("a rule that pauses the queue is named with its reason", .paused, saying: "'any-*' of alice: disk swap") {
            $0.pauses = [
                QueuePause(pattern: "any-*", reason: "disk swap", requester: "alice", pausedAt: time(1))
            ]
        },
        Case("a busy target names who holds it", .targetBusy, saying: "\(other) runs on h7") {
            $0.holder = .init(id: other, since: time(1), node: try NodeName("h7"), isRunning: true)
        },
        Case("a target that nothing runs on is not said to be worked on", .targetBusy, saying: "does not run") {
            $0.holder = .init(id: other, since: nil, node: nil, isRunning: false)
        },
        Case("nobody drains the queue", .noWorker, saying: "start queueworker on any node") { $0.workers = .init() },
        Case(
            "a node's queue names its daemon",
            .noWorker,
            saying: "start netnode on h1",
            queue: "h1-network-background"
        ) {
            $0.workers = .init()
        },
        Case("every node that could is drained", .draining, saying: "drained") {
            $0.workers = .init(living: 2, active: 0, able: 0)
        },
        Case("nobody who drains it can run the task", .notRunnable, saying: "can run 'noop'") {
            $0.workers = .init(living: 2, active: 2, able: 0)
        },
        Case("all slots of those that can are taken", .workersBusy, saying: "all 8 slots of the 2 workers") {
            $0.workers = .init(living: 2, active: 2, able: 2, slots: 8, free: 0)
        },
        Case("transactions of others hold its row", .locked, saying: "hold its row") { $0.isHeld = true },
        Case("without an elected node", .noLeader, saying: "no network node", queue: "networknode-background") {
            $0.workers = .init()
        },
        Case("others go first", .ahead, saying: "3 operations go first") { $0.ahead = 3 },
        Case("very many go first", .ahead, saying: "10000 or more") { $0.ahead = ExplanationFacts.mostCounted },
        Case("several reasons, all told", .paused, .targetBusy, .noWorker, .ahead, saying: "1 operation goes first") {
            $0.pauses = [QueuePause(pattern: "*", reason: "r", requester: "a", pausedAt: time(1))]
            $0.holder = .init(id: other, since: nil, node: nil, isRunning: true)
            $0.workers = .init()
            $0.ahead = 1
        },
        Case(
            "dependencies are named with what they must do",
            .dependenciesLeft,
            saying: "must end and is queued",
            state: .blocked
        ) {
            $0.dependencies = [.init(id: other, mustComplete: false, state: .queued)]
        },
        Case("only three dependencies are named", .dependenciesLeft, saying: "5 operations", state: .blocked) { facts in
            facts.dependencies = (0..<5).map { _ in .init(id: .new(), mustComplete: true, state: .executing) }
        },
        Case(
            "a worker that is gone comes before what it ran",
            .workerGone,
            .executing,
            saying: "a reaper",
            state: .executing
        ) {
            $0.isWorkerGone = true
        },
        Case("what rides names its primary", .folded, saying: "which runs on h7", state: .folded) {
            $0.primary = .init(id: other, state: .executing, startedAt: time(2), node: try NodeName("h7"))
        },
        Case("what rides on one that rests", .folded, saying: "queued again", state: .folded) {
            $0.primary = .init(id: other, state: .queued, startedAt: nil, node: nil)
        },
    ]

    @Test(arguments: cases) func `facts lead to reasons`(_ example: Case) throws {
        var facts = ExplanationFacts(operation: try .example(example.state, queue: example.queue), now: time(10))
        facts.workers = .init(living: 1, active: 1, able: 1)
        if example.queue.hasPrefix("networknode") == false { facts.leader = nil }
        try example.change(&facts)
        let reasons = Explanation(facts).reasons
        #expect(reasons.map(\.reason) == example.expected)
        #expect(reasons.contains { $0.message.contains(example.message) }, "\(reasons.map(\.message))")
    }

    @Test func `a time that has not come says why it was set, and the deadline is told beside it`() throws {
        let failed = AttemptRecord(
            delivery: 1,
            outcome: .failed,
            node: nil,
            session: nil,
            startedAt: nil,
            endedAt: time(5),
            error: nil
        )
        let deferred = AttemptRecord(
            delivery: 2,
            outcome: .deferred,
            node: nil,
            session: nil,
            startedAt: nil,
            endedAt: time(6),
            error: nil
        )
        for (history, message) in [
            ([], "asked for a delay"), ([failed], "which failed"), ([failed, deferred], "try again"),
        ] {
            let operation = try Operation.example(.queued, readyAt: time(20), deadline: time(30), history: history)
            var facts = ExplanationFacts(operation: operation, now: time(10))
            facts.workers = .init(living: 1, active: 1, able: 1)
            facts.ahead = 5
            let reasons = Explanation(facts).reasons
            #expect(reasons.map(\.reason) == [.notBefore, .deadline])
            #expect(reasons.first?.message.contains(message) == true && reasons.first?.until == time(20))
            #expect(reasons.last?.until == time(30))
        }
    }

    @Test func `a time that only a clock which was set back has put off is told as that, and never as a delay`() throws
    {
        let operation = try Operation.example(.queued, readyAt: time(3700), deadline: time(5000))
        var facts = ExplanationFacts(operation: operation, now: time(100))
        facts.workers = .init(living: 1, active: 1, able: 1)
        facts.readySetAt = time(3700)
        let reasons = Explanation(facts).reasons
        #expect(reasons.map(\.reason) == [.clockSetBack, .deadline] && reasons[0].until == time(3700))
        #expect(reasons[0].message.contains("set back by at least 3600 s"))
        let delayed = try Operation.example(.queued, readyAt: time(3700), enqueuedAt: time(100), deadline: time(5000))
        facts = ExplanationFacts(operation: delayed, now: time(100))
        facts.workers = .init(living: 1, active: 1, able: 1)
        facts.readySetAt = time(100)
        #expect(
            Explanation(facts).reasons.map(\.reason) == [.notBefore, .deadline],
            "a delay that was asked for just now"
        )
        facts.readySetAt = time(99)
        #expect(Explanation(facts).reasons.first?.message.contains("counts anew") == true, "it was pulled back")
    }

    @Test(arguments: OperationState.allCases) func `every state has a reason`(state: OperationState) throws {
        var facts = ExplanationFacts(operation: try .example(state), now: time(10))
        facts.workers = .init(living: 1, active: 1, able: 1)
        let view = ExplanationView(facts)
        #expect(!view.reasons.isEmpty && view.reasons.allSatisfy { !$0.message.isEmpty })
        if state.isTerminal { #expect(view.reasons.map(\.reason.rawValue) == [state.rawValue]) }
    }

    private static func time(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }
    private func time(_ seconds: Int64) -> Timestamp { Self.time(seconds) }
}

extension Operation {
    /// An operation in a state, with what that state asks for.
    static func example(
        _ state: OperationState,
        id: OperationID = .new(),
        queue: String = "any-user_facing",
        readyAt: Timestamp = Timestamp(microseconds: 1_000_000),
        enqueuedAt: Timestamp? = nil,
        deadline: Timestamp? = nil,
        history: [AttemptRecord] = [],
        deliveries: Int? = nil
    ) throws -> Operation {
        let start = Timestamp(microseconds: 2_000_000)
        let failure = OperationFailure(code: "command_failed", message: "exit code 1")
        return Operation(
            id: id,
            kind: .command,
            tasks: [BuiltInTask.noop.name],
            queue: try QueueName(queue),
            network: nil,
            node: nil,
            interface: nil,
            networkID: nil,
            nodeID: nil,
            parameters: nil,
            dependsOn: [],
            runsAfter: [],
            requester: "test",
            deadline: deadline,
            maximumAttempts: 3,
            retryOf: nil,
            coalesceKey: nil,
            exclusiveKey: nil,
            state: state,
            unmet: state == .blocked ? 1 : 0,
            enqueuedAt: enqueuedAt ?? readyAt,
            readyAt: readyAt,
            deliveries: deliveries ?? history.count,
            failures: history.count { $0.outcome == .failed },
            deferCount: history.count { $0.outcome == .deferred },
            worker: Worker(node: try NodeName("h7"), pid: 7, session: .new()),
            foldedInto: nil,
            claimedAt: start,
            startedAt: start,
            waited: .zero,
            couldRunSince: readyAt,
            foldedAt: nil,
            unfoldedAt: nil,
            unfoldedFrom: nil,
            finishedAt: state.isTerminal ? start : nil,
            cancelRequestedAt: nil,
            cancelRequester: nil,
            attemptHistory: history,
            error: state.isTerminal && state != .complete ? failure : nil,
            result: nil
        )
    }
}
