import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct DeadlineTests {
    private let noop = BuiltInTask.noop.name

    @Test func `what waits past its deadline ends in error, and what depends on it is aborted`() async throws {
        try await withCluster { cluster in
            let running = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], deadline: .seconds(3600)))
                .uuid
            var worker = try cluster.worker()
            #expect(try await worker.claim().count == 1)
            let queued = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], deadline: .seconds(3600))).uuid
            let blocked = try await cluster.queue.enqueue(
                OperationRequest(tasks: [noop], dependsOn: [running], deadline: .seconds(3600))
            ).uuid
            let child = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [blocked])).uuid
            let plain = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            try await cluster.keepAlive(worker.identity)
            try await reaper.pass()
            #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 0, "there is time left")
            try await cluster.execute("UPDATE work_queue SET deadline = NOW(6) WHERE deadline IS NOT NULL")
            let locked = try await cluster.database.withTransaction { transaction in
                try CancelStatements.lockOverdue([running, queued, plain], ifHeld: .skip, in: transaction)
            }
            #expect(locked == [queued], "whatever they were when they were found")
            try await reaper.pass()
            for id in [queued, blocked] {
                let ended = try await cluster.operation(id)
                #expect(ended.state == .error && ended.error?.code == "deadline_passed")
            }
            #expect(try await cluster.operation(child).state == .aborted)
            #expect(try await cluster.operation(running).state == .executing, "that is its worker's to end")
            #expect(try await cluster.operation(plain).state == .queued)
            #expect(try await cluster.count("SELECT COUNT(*) FROM operation_dependencies") == 0)
        }
    }

    @Test func `a pass ends a bounded number, and two reapers end each once`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], deadline: .seconds(1)), count: 250)
            try await cluster.execute("UPDATE work_queue SET deadline = NOW(6)")
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            try await reaper.pass()
            #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations") == Reaper.batch)
            let other = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            async let first = reaper.pass()
            async let second = other.pass()
            _ = try await (first, second)
            try await reaper.pass()
            try await reaper.pass()
            #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 250)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
        }
    }

    @Test func `a pass takes a bounded number of edges off what it ends`() async throws {
        try await withCluster { cluster in
            let edges = Cascade.mostAtOnce * 2 / 3
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: edges)
            let parents = try await cluster.database.withSession { session in
                try session.query("SELECT id FROM work_queue WHERE id >= \(first)")
                    .map { try $0.only(OperationID.self) }
            }
            for _ in 0..<2 {
                let request = OperationRequest(tasks: [noop], dependsOn: parents, deadline: .seconds(3600))
                _ = try await cluster.queue.enqueue(request)
            }
            try await cluster.execute("UPDATE work_queue SET deadline = NOW(6) WHERE deadline IS NOT NULL")
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            for left in [1, 0] {
                try await reaper.pass()
                #expect(try await cluster.count("SELECT COUNT(*) FROM operation_dependencies") == left * edges)
            }
        }
    }

    @Test(arguments: [30, 20_000])
    func `the sweep walks through no backlog`(rows: Int) async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: rows)
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], deadline: .seconds(3600)), count: 20)
            try await cluster.execute("UPDATE work_queue SET deadline = NOW(6) WHERE deadline IS NOT NULL LIMIT 5")
            try await cluster.execute("ANALYZE TABLE work_queue")
            let (type, key, read) = try await cluster.database.withTransaction { transaction in
                let plan = try transaction.query("EXPLAIN \(sql: CancelStatements.overdueQuery(limit: 100))")[0]
                let before = try transaction.reads()
                #expect(try CancelStatements.overdue(limit: 100, on: transaction.session).count == 5)
                return (
                    try plan.get("type", as: String?.self), try plan.get("key", as: String?.self),
                    try transaction.reads() - before
                )
            }
            #expect(type == "range" && key == "work_by_lookup")
            #expect(read < 20, "\(read) rows were read for 5")
        }
    }

    @Test func `a running operation is ended at its deadline, unless it has succeeded`() async throws {
        try await withCluster { cluster in
            let claim = try await cluster.claim(deadline: .milliseconds(1500))
            let endless = Handler { await Handler.untilCancelled(then: .interrupted) }
            #expect(await endless.run(claim) == .overran)
            let failing = Handler { await Handler.untilCancelled(then: .failed(.init(code: "x", message: "killed"))) }
            #expect(await failing.run(claim) == .overran)
            let finishing = Handler { await Handler.untilCancelled(then: .done(result: "1")) }
            #expect(await finishing.run(claim) == .succeeded(result: "1"))
            let quick = Handler { .tryLater }
            #expect(await quick.run(claim) == .deferred)

            let settling = Settling(database: cluster.database)
            let entry = Settling.Entry(id: claim.operation.id, delivery: 1, report: .overran)
            let session = try #require(claim.operation.worker?.session)
            #expect(try await settling.settle([entry], of: session).settled == [claim.operation.id])
            let ended = try await cluster.operation(claim.operation.id)
            #expect(ended.state == .error && ended.error?.code == "deadline_passed")
            #expect(ended.error?.message.contains("still ran") == true)
        }
    }

    @Test func `a handler that hangs is ended when its time is over, also after a task that may take longer`()
        async throws
    {
        try await withCluster { cluster in
            let hangs = try TaskName("hangs")
            try await cluster.register("hangs")
            // Without the limit the deadline would end it.
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop, hangs], deadline: .seconds(30)))
            var worker = try cluster.worker(commands: ["hangs"])
            let claim = try #require(try await worker.claim().first)
            let hanging = Handler(of: hangs, timeout: .milliseconds(50)) {
                await Handler.untilCancelled(then: .done(result: nil))
            }
            let first = Handler {
                // Meanwhile the run begins to wait for its deadline.
                try? await Task.sleep(for: .milliseconds(100))
                return .done(result: nil)
            }
            let run = OperationRun(
                claim: claim,
                handlers: [first, hanging],
                node: worker.identity.node,
                interruption: Interruption(),
                graceBeyondTimeout: .zero
            )
            let result = await run.run()
            guard case .failed(let failure) = result.report else {
                Issue.record("\(result.report)")
                return
            }
            #expect(failure.code == "timed_out" && result.completedTasks == 1)
        }
    }

    @Test func `the first limit of a run ends it, and none does once it is over`() {
        let now = ContinuousClock.now
        let limits = RunLimits(deadline: now + .seconds(60))
        #expect(!limits.begin(.seconds(3600)), "the deadline comes first")
        #expect(limits.next == now + .seconds(60))
        #expect(!limits.end())
        #expect(limits.begin(.seconds(1)), "the next task may take less")
        #expect(!limits.check(at: now) && limits.check(at: now + .seconds(30)))
        #expect(limits.end() && !limits.isPastDeadline)

        let late = RunLimits(deadline: now + .seconds(60))
        #expect(!late.begin(.seconds(3600)) && late.check(at: now + .seconds(60)))
        #expect(!late.end() && late.isPastDeadline)

        let over = RunLimits(deadline: now + .seconds(60))
        over.finish()
        #expect(over.check(at: now + .seconds(100)) && !over.isPastDeadline)

        let endless = RunLimits(deadline: nil)
        #expect(endless.next == nil && endless.begin(.seconds(1)))
    }

    @Test func `an interruption ends a run, between its tasks too, and before it waits is early enough`() async throws {
        try await withCluster { cluster in
            let claim = try await cluster.claim(deadline: nil)
            let endless = Handler { await Handler.untilCancelled(then: .interrupted) }
            #expect(await endless.run(claim, interrupted: true) == .handedBack)
            let ledger = WorkLedger(slots: 1)
            let interruption = ledger.start(claim)
            func row(_ delivery: Int, _ isCancelRequested: Bool) -> SessionStatements.Executing {
                .init(id: claim.operation.id, delivery: delivery, isCancelRequested: isCancelRequested)
            }
            #expect(ledger.interruptCancelled(among: [row(1, false), row(2, true)]).isEmpty)
            #expect(ledger.interruptCancelled(among: [row(1, true)]) == [claim.operation.id])
            #expect(ledger.interruptCancelled(among: [row(1, true)]).isEmpty, "each is told once")
            _ = await interruption.wait(until: nil)
            #expect(
                ledger.unknown(among: [row(1, true)], readAfter: ledger.known).isEmpty
                    && ledger.unknown(among: [row(2, true)], readAfter: ledger.known).count == 1
            )
        }
    }
}

/// Runs `noop`, or another task, in a way of the test's own.
private struct Handler: TaskHandler {
    let work: @Sendable () async -> TaskOutcome
    let definition: TaskDefinition

    init(_ work: @escaping @Sendable () async -> TaskOutcome) {
        self.work = work
        definition = BuiltInTask.noop.definition
    }

    init(of task: TaskName, timeout: Duration, _ work: @escaping @Sendable () async -> TaskOutcome) {
        self.work = work
        definition = TaskDefinition(
            name: task,
            kind: .command,
            isCoalescible: false,
            maximumAttempts: 1,
            timeout: timeout
        )
    }

    func run(_ attempt: Attempt) async -> TaskOutcome { await work() }

    func run(_ claim: Claim, interrupted: Bool = false) async -> AttemptReport {
        let interruption = Interruption()
        if interrupted { interruption.request() }
        let node = claim.operation.worker?.node
        guard let node else { preconditionFailure("it was claimed") }
        return await OperationRun(claim: claim, handlers: [self], node: node, interruption: interruption).run().report
    }

    static func untilCancelled(then outcome: TaskOutcome) async -> TaskOutcome {
        _ = await Interruption().wait(until: nil)
        return outcome
    }
}

extension TestCluster {
    fileprivate func claim(deadline: Duration?) async throws -> Claim {
        _ = try await queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name], deadline: deadline))
        var worker = try worker()
        return try await worker.claim()[0]
    }

    /// Opens the session of a worker without a process.
    fileprivate func keepAlive(_ identity: WorkerIdentity) async throws {
        let opening = SessionStatements.Opening(
            id: identity.session,
            daemon: .queueworker,
            node: .new(),
            nodeName: identity.node,
            pid: identity.pid,
            slots: 4,
            doorbell: nil,
            lease: .seconds(10)
        )
        try await database.withSession { try SessionStatements.open(opening, on: $0) }
    }
}

extension Transaction {
    borrowing func reads() throws -> Int {
        try query("SHOW SESSION STATUS LIKE 'Handler_read%'").map { try Int($0.decode((String, String).self).1) ?? 0 }
            .reduce(0, +)
    }
}
