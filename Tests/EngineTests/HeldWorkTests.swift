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

    @Test func `a claimer that stands still in its transaction keeps nobody from enqueueing`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.addNetwork("blue")
            let blue = OperationRequest.Target(network: try NetworkName("blue"))
            let request = OperationRequest(tasks: [BuiltInTask.networkRemoveDHCPLease.name], target: blue)
            let (reader, holder) = (
                try await Connection.open(cluster.configuration), try await Connection.open(cluster.configuration)
            )
            try await reader.withSession { session in
                // As long as somebody may still see what it read, nothing that is deleted leaves its index.
                _ = try session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            }
            var worker = try cluster.worker("h1")
            _ = try await cluster.queue.enqueue(request)
            try await worker.settle(try await worker.claim(1), .succeeded(result: nil))
            let second = try await cluster.queue.enqueue(request).uuid
            let identity = worker.identity
            try await holder.withTransaction { transaction in
                let taken = try Claiming.claimAndFold(
                    [second],
                    upTo: 1,
                    by: identity,
                    definitions: [:],
                    in: transaction
                )
                #expect(taken.claims.count == 1)
                // With the fault it waits for the lock until the server gives up, again and again.
                try blocking { _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])) }
            }
            for connection in [reader, holder] { await connection.close() }
        }
    }

    @Test func `what is held is waited for after a second, longer each time, and forgotten when it is gone`() {
        let (first, second) = (OperationID.new(), OperationID.new())
        let start = SuspendingClock.now
        var held = HeldWork()
        held.skipped([first], at: start)
        held.skipped([first, second], at: start + .milliseconds(900))
        #expect(held.takeDue(at: start + .milliseconds(999)) == nil)
        func wait(for id: OperationID) -> HeldWork.Wait { .init(id: id, limit: .oneSecond, isRepeated: false) }
        #expect(held.takeDue(at: start + .seconds(1)) == wait(for: first))
        #expect(held.takeDue(at: start + .milliseconds(1500)) == nil, "it is being waited for")
        #expect(held.takeDue(at: start + .seconds(2)) == wait(for: second))
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
        #expect(held.takeDue(at: now) == HeldWork.Wait(id: first, limit: .oneSecond, isRepeated: false))
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
                    #expect(worker.claiming.takeDue(at: now) == .init(id: id, limit: .oneSecond, isRepeated: false))
                }
            }
            await holder.close()
        }
    }

    @Test func `a slot is kept for each row that is waited for, and its claim is not taken for unknown`() {
        let (first, second) = (OperationID.new(), OperationID.new())
        let row = SessionStatements.Executing(id: first, delivery: 1, isCancelRequested: false)
        let ledger = WorkLedger(slots: 3)
        let before = ledger.known
        #expect(ledger.awaitable == .all)
        ledger.await(HeldWork.Wait(id: first, limit: .twoSeconds, isRepeated: true))
        #expect(ledger.freeSlots == 2 && ledger.awaitable == .fresh)
        ledger.await(HeldWork.Wait(id: second, limit: .oneSecond, isRepeated: false))
        #expect(ledger.freeSlots == 1 && ledger.awaitable == nil)
        ledger.stopAwaiting(second)
        #expect(ledger.unknown(among: [row], readAfter: before).isEmpty, "its COMMIT may be on its way")
        ledger.stopAwaiting(first)
        #expect(ledger.freeSlots == 3 && ledger.awaitable == .all)
        #expect(ledger.unknown(among: [row], readAfter: before).count == 1)
        ledger.await(HeldWork.Wait(id: second, limit: .oneSecond, isRepeated: false))
        #expect(ledger.awaitable == nil, "one at a time")
    }

    @Test func `beside a repeated wait only rows are due that were not waited for yet`() {
        let (first, second) = (OperationID.new(), OperationID.new())
        let start = SuspendingClock.now
        var held = HeldWork()
        held.skipped([first], at: start)
        _ = held.takeDue(at: start + .seconds(1))
        let now = start + .seconds(3)
        #expect(held.untilDue(among: .all, at: now) == .zero && held.untilDue(among: .fresh, at: now) == nil)
        #expect(held.takeDue(among: .fresh, at: now) == nil)
        held.skipped([second], at: now)
        #expect(held.untilDue(among: .fresh, at: now) == .seconds(1))
        let later = now + .seconds(1)
        #expect(held.takeDue(among: .fresh, at: later)?.id == second)
        #expect(held.takeDue(at: later) == HeldWork.Wait(id: first, limit: .twoSeconds, isRepeated: true))
    }

    @Test func `a row that is held for long does not hold up those that are held one after the other`()
        async throws
    {
        try await withCluster(connections: 20) { cluster in
            try await cluster.addNode("h1")
            let stuck = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let log = EffectLog()
            let worker = try cluster.liveWorker(
                "h1",
                handlers: [RecordingHandler(BuiltInTask.noop.definition, log: log)]
            )
            try await cluster.whileHeld(stuck) {
                try await cluster.withWorkers([worker]) {
                    try await eventually("it is waited for for long") { try await cluster.isAnyAwaitedForLong() }
                    _ = try await cluster.holdOften(each: .milliseconds(50)) { id, _ in
                        try await eventually("the other is started") { !log.effects(of: id).isEmpty }
                        #expect(try await cluster.isAnyAwaitedForLong(), "the other had to wait for the end of this")
                    }
                }
            }
            #expect(log.effects(of: stuck).isEmpty)
        }
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

    /// Runs a body while a transaction holds an operation's row in share mode, however long that takes.
    fileprivate func whileHeld(_ id: OperationID, _ body: @Sendable @escaping () async throws -> Void) async throws {
        let (isHeld, isOver) = (Locked(false), Locked(false))
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask {
                try await database.withTransaction { transaction in
                    _ = try EnqueueStatements.lockLive([id], in: transaction)
                    isHeld.update { $0 = true }
                    // By statements, as the server ends a transaction that does nothing for long.
                    while !isOver.value { _ = try transaction.query("SELECT SLEEP(0.1)") }
                }
            }
            defer { isOver.update { $0 = true } }
            try await eventually("the row is held") { isHeld.value }
            try await body()
        }
    }

    /// Returns whether a row is being waited for in the longest of turns.
    fileprivate func isAnyAwaitedForLong() async throws -> Bool {
        try await count(
            """
            SELECT COUNT(*) FROM information_schema.processlist
            WHERE db = DATABASE() AND id <> CONNECTION_ID() AND info LIKE '%FOR UPDATE WAIT 8'
            """
        ) > 0
    }

    fileprivate func reasons(_ id: OperationID) async throws -> [ReasonView.Reason] {
        let connection = ClusterConnection(database: database, requester: "test", waker: NoWaker(), logger: .silent)
        return try await connection.explanation(of: id).reasons.map(\.reason)
    }
}
