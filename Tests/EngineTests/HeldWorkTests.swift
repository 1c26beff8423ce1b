import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// What a claim does about rows and targets that others hold.
@Suite(.timeLimit(.minutes(15))) struct HeldWorkTests {
    private let noop = BuiltInTask.noop.name

    @Test(arguments: [Duration.milliseconds(50), .milliseconds(1500)])
    func `an operation is started although others hold its row one after the other`(each: Duration) async throws {
        try await withCluster(connections: 20) { cluster in
            try await cluster.addNode("h1")
            let id = try await cluster.holdOften(each: each) { id, hold in
                let log = EffectLog()
                let worker = try cluster.liveWorker(
                    "h1",
                    handlers: [RecordingHandler(BuiltInTask.noop.definition, log: log)]
                )
                try await cluster.withWorkers([worker]) {
                    // The holders go on until it has been started.
                    try await eventually("it is started") { !log.effects(of: id).isEmpty }
                    #expect(hold.value > 8, "\(hold.value): nobody held it, so this run proved nothing")
                    try await eventually("it has ended") { try await cluster.operation(id).state == .complete }
                }
            }
            #expect(try await cluster.operation(id).deliveries == 1)
        }
    }

    @Test func `an explanation names the transactions that keep an operation from being taken`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            var worker = try cluster.worker()
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            try await cluster.openSession(of: &worker)
            #expect(try await cluster.reasons(id) == [.aboutToRun])
            let holder = try await Connection.open(cluster.configuration)
            try await holder.withTransaction { [worker] transaction in
                _ = try EnqueueStatements.lockLive([id], in: transaction)
                let (claimed, reasons) = try blocking {
                    var worker = worker
                    let claimed = try await worker.claim()
                    return (claimed.count, try await cluster.reasons(id))
                }
                #expect(claimed == 0 && reasons == [.locked])
            }
            await holder.close()
            #expect(try await cluster.reasons(id) == [.aboutToRun])
            let busy = try await worker.claim()
            #expect(busy.count == 1)
            let next = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            #expect(try await cluster.reasons(next) == [.workersBusy], "its one slot is taken")
            try await worker.settle(busy, .succeeded(result: nil))
            #expect(try await cluster.reasons(next) == [.aboutToRun])
        }
    }

    @Test func `a claimer that stands still in its transaction keeps nobody from what is not its own`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.addNetwork("blue")
            let blue = OperationRequest.Target(network: try NetworkName("blue"))
            let lease = BuiltInTask.networkRemoveDHCPLease.name
            let first = try await cluster.queue.enqueue(
                OperationRequest(tasks: [lease], target: blue, lane: .background)
            )
            let second = try await cluster.queue.enqueue(
                OperationRequest(tasks: [lease], target: blue, lane: .userWaiting)
            )
            for _ in 0..<7 { _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])) }
            var stopped = try cluster.worker("h2")
            try await stopped.join()
            let identity = stopped.identity
            let holder = try await Connection.open(cluster.configuration)
            try await holder.withTransaction { transaction in
                let taken = try Claiming.claimAndFold(
                    [first.uuid],
                    upTo: 1,
                    by: identity,
                    definitions: [:],
                    in: transaction
                )
                #expect(taken.claims.count == 1)
                let clock = ContinuousClock()
                let begun = clock.now
                let claimed = try blocking {
                    var other = try cluster.worker("h1")
                    return try await other.claim().map(\.operation.id)
                }
                #expect(claimed.count == 7 && !claimed.contains(second.uuid))
                // A wait for the key would be one of `lockWait`, three seconds, at the least.
                #expect(clock.now - begun < cluster.configuration.timeouts.lockWait)
            }
            await holder.close()
            var other = try cluster.worker("h1")
            #expect(try await other.claim().isEmpty, "the target is busy")
        }
    }

    @Test func `what is held is waited for after a second, longer each time, and forgotten when it is gone`() {
        let (first, second) = (OperationID.new(), OperationID.new())
        let start = SuspendingClock.now
        var held = HeldWork()
        held.skipped([first], at: start)
        held.skipped([first, second], at: start + .milliseconds(900))
        #expect(held.takeDue(at: start + .milliseconds(999)) == nil)
        #expect(held.takeDue(at: start + .seconds(1)) == HeldWork.Wait(id: first, limit: .oneSecond))
        #expect(held.takeDue(at: start + .milliseconds(1500)) == nil, "it is being waited for")
        #expect(held.takeDue(at: start + .seconds(2)) == HeldWork.Wait(id: second, limit: .oneSecond))
        held.keep(only: [first])
        var (now, limits) = (start + .seconds(2), [RowLock.Wait]())
        for _ in 0..<4 {
            now = now + .seconds(10)
            if let wait = held.takeDue(at: now) { limits.append(wait.limit) }
        }
        #expect(limits == [.twoSeconds, .fourSeconds, .eightSeconds, .eightSeconds])
        held.keep(only: [])
        #expect(held.takeDue(at: now + .seconds(100)) == nil)
    }

    @Test func `what is held is waited for at once while there is nothing else, each row once`() {
        let (first, second) = (OperationID.new(), OperationID.new())
        let start = SuspendingClock.now
        var held = HeldWork()
        held.hurry(at: start)
        #expect(held.takeDue(at: start) == nil, "nothing is held")
        held.skipped([first], at: start)
        held.skipped([second], at: start + .milliseconds(1))
        let now = start + .milliseconds(2)
        #expect(held.takeDue(at: now) == nil)
        held.hurry(at: now)
        #expect(held.takeDue(at: now) == HeldWork.Wait(id: first, limit: .oneSecond))
        #expect(held.takeDue(at: now) == nil)
        for _ in 0..<2 { held.hurry(at: now) }
        #expect(held.takeDue(at: now)?.id == second)
        held.hurry(at: now)
        #expect(held.takeDue(at: now) == nil, "both were waited for")
    }

    @Test func `a claim that only finds a held row waits for it before a second is over, once it is told to hurry`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let holder = try await Connection.open(cluster.configuration)
            try await holder.withTransaction { transaction in
                _ = try EnqueueStatements.lockLive([id], in: transaction)
                try blocking {
                    // One moment for all: it has been skipped for less than a second, however long the claim takes.
                    let now = SuspendingClock.now
                    var worker = try cluster.worker("h1")
                    #expect(try await worker.claim().isEmpty)
                    #expect(worker.claiming.isHeldUp)
                    #expect(worker.claiming.takeDue(at: now) == nil)
                    worker.claiming.hurry(at: now)
                    #expect(worker.claiming.takeDue(at: now) == HeldWork.Wait(id: id, limit: .oneSecond))
                }
            }
            await holder.close()
        }
    }

    @Test func `a slot is kept for the one row that is waited for, and its claim is not taken for unknown`() {
        let (first, second) = (OperationID.new(), OperationID.new())
        let row = SessionStatements.Executing(id: first, delivery: 1, isCancelRequested: false)
        let ledger = WorkLedger(slots: 2)
        let before = ledger.known
        #expect(ledger.await(first) && ledger.freeSlots == 1)
        #expect(!ledger.await(second), "one at a time")
        #expect(ledger.unknown(among: [row], readAfter: before).isEmpty, "its COMMIT may be on its way")
        ledger.stopAwaiting()
        #expect(ledger.freeSlots == 2 && ledger.await(second))
        #expect(ledger.unknown(among: [row], readAfter: before).count == 1)
    }

    @Test func `the queues are read soon again while all is held, and ever less often`() {
        var pause = HeldPause(longest: .seconds(2))
        #expect(pause.isFirst)
        #expect((0..<6).map { _ in pause.next() } == [100, 200, 400, 800, 1600, 2000].map { .milliseconds($0) })
        #expect(!pause.isFirst)
        pause.reset()
        #expect(pause.isFirst && pause.next() == HeldPause.shortest)
    }
}

extension TestCluster {
    /// Runs a body while eight transactions hold an operation's row in share mode again and again, overlapping, as
    /// enqueues do that depend on it.
    ///
    /// - Parameters:
    ///   - each: How long each holds it.
    ///   - body: Receives the operation, and how often it has been held so far.
    /// - Returns: The operation.
    /// - Throws: What the body throws.
    fileprivate func holdOften(
        each: Duration,
        _ body: @Sendable @escaping (OperationID, Locked<Int>) async throws -> Void
    ) async throws -> OperationID {
        let id = try await queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
        let (count, seconds) = (Locked(0), each / .seconds(1))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    try await Task.sleep(for: each * number / 8)
                    while !Task.isCancelled {
                        try await database.withTransaction { transaction in
                            guard try !EnqueueStatements.lockLive([id], in: transaction).isEmpty else { return }
                            count.update { $0 += 1 }
                            _ = try transaction.query("SELECT SLEEP(\(seconds))")
                        }
                    }
                }
            }
            try await eventually("all hold it") { count.value >= 8 }
            defer { group.cancelAll() }
            try await body(id, count)
        }
        return id
    }

    /// Opens the session of a worker with one slot, so that an explanation sees it.
    fileprivate func openSession(of worker: inout TestWorker) async throws {
        try await worker.join()
        let identity = worker.identity
        let opening = SessionStatements.Opening(
            id: identity.session,
            daemon: .queueworker,
            node: identity.nodeID,
            nodeName: identity.node,
            pid: identity.pid,
            slots: 1,
            doorbell: nil,
            lease: .seconds(60)
        )
        try await database.withSession { try SessionStatements.open(opening, on: $0) }
    }

    fileprivate func reasons(_ id: OperationID) async throws -> [ReasonView.Reason] {
        let connection = ClusterConnection(database: database, requester: "test", waker: NoWaker(), logger: .silent)
        return try await connection.explanation(of: id).reasons.map(\.reason)
    }
}
