import ClusterModel
import ClusterStore
import MariaDB

extension OperationQueue {
    /// Waits until an operation has ended, and returns how.
    ///
    /// Whoever ends it rings this process, so that the wait is over within milliseconds of the COMMIT; where no ring
    /// can come through, it looks again, once in some seconds. An operation that has ended already is answered at
    /// once.
    /// - Parameters:
    ///   - id: The operation, such as a receipt names it.
    ///   - timeout: How long to wait at most; nil is for ever.
    /// - Returns: The outcome, or nil when the time was over first.
    /// - Throws: `ClusterOpsError`, with code `notFound` for an id that is nowhere; `CancellationError` when the task
    ///   is cancelled, or its service shuts down gracefully.
    public func outcome(of id: OperationID, timeout: Duration? = nil) async throws -> OperationOutcome? {
        let wait = EndWait(database: database, ids: [id], timeout: timeout) { ids, session in
            try OperationStatements.ends(of: ids, on: session).map { ($0.id, $0) }
        }
        let (found, inTime) = try await ends(wait, pace: .besideDoorbell)
        return inTime ? found[id]?.operation.flatMap(OperationOutcome.init) : nil
    }

    /// Waits until all of some operations have ended, or the time is over.
    ///
    /// - Returns: Where each stood at the last look, and whether all had ended.
    /// - Throws: As `outcome(of:timeout:)` does.
    package func ends(
        of ids: [OperationID],
        timeout: Duration?,
        watcher: EndWatcher? = nil
    ) async throws -> (states: [OperationID: OperationState], inTime: Bool) {
        try await ends(of: ids, timeout: timeout, pace: watcher?.pace ?? .besideDoorbell, watcher: watcher)
    }

    package func ends(
        of ids: [OperationID],
        timeout: Duration?,
        pace: PollPace,
        watcher: EndWatcher? = nil
    ) async throws -> (states: [OperationID: OperationState], inTime: Bool) {
        let wait = EndWait(database: database, ids: ids, timeout: timeout, watcher: watcher) { ids, session in
            try OperationStatements.states(of: ids, on: session).map { ($0, $1) }
        }
        let (states, inTime) = try await ends(wait, pace: pace)
        return (states, inTime)
    }

    private func ends<Found>(
        _ wait: EndWait<Found>,
        pace: PollPace
    ) async throws -> (found: [OperationID: Found], inTime: Bool) {
        try await translatingErrors {
            var wait = wait
            if try await wait.look() { return (wait.found, wait.inTime) }
            let wasRung: Void? = try await WaiterDoorbell.withBound(for: wait.ids, database: database) { doorbell in
                try await wait.run(doorbell, pace: pace)
            }
            if wasRung == nil { try await wait.run(nil, pace: wait.watcher?.pace ?? PollPace()) }
            return (wait.found, wait.inTime)
        }
    }

    package static func notFound(_ id: OperationID) -> ClusterOpsError {
        ClusterOpsError(.notFound, "there is no operation '\(id)'")
    }
}

/// Somebody who wants to see how far a wait is, without another registration for each look.
package struct EndWatcher: Sendable {
    /// Nil for that of a wait without a watcher.
    package let pace: PollPace?
    package let tell: @Sendable ([OperationID: OperationState]) -> Void

    /// Creates a progress that is told after each look that has not found all ended.
    package init(pace: PollPace?, tell: @escaping @Sendable ([OperationID: OperationState]) -> Void) {
        self.pace = pace
        self.tell = tell
    }

    /// Looks at least once an interval, and tells after each look that has not found all ended.
    package init(every interval: Duration, tell: @escaping @Sendable ([OperationID: OperationState]) -> Void) {
        self.init(pace: PollPace(first: interval, longest: interval), tell: tell)
    }
}

/// As much of an operation as a wait reads.
private protocol Standing: Sendable {
    var state: OperationState { get }
}

extension OperationState: Standing {
    fileprivate var state: OperationState { self }
}

extension OperationStatements.End: Standing {}

/// One wait for the ends of operations.
private struct EndWait<Found: Standing> {
    typealias Read = @Sendable ([OperationID], borrowing Session) throws -> [(OperationID, Found)]

    let database: Database
    let ids: [OperationID]
    let deadline: ContinuousClock.Instant?
    let watcher: EndWatcher?
    let read: Read
    private(set) var found: [OperationID: Found] = [:]

    init(
        database: Database,
        ids: [OperationID],
        timeout: Duration?,
        watcher: EndWatcher? = nil,
        read: @escaping Read
    ) {
        self.database = database
        self.ids = ids
        self.watcher = watcher
        self.read = read
        deadline = timeout.map { .now + $0 }
    }

    var inTime: Bool { found.values.allSatisfy(\.state.isTerminal) }

    /// Looks; returns whether the wait is over.
    mutating func look() async throws -> Bool {
        let (ids, read) = (ids, read)
        let rows = try await database.withSession { try read(ids, $0) }
        found = Dictionary(rows, uniquingKeysWith: { first, _ in first })
        for id in ids where found[id] == nil { throw OperationQueue.notFound(id) }
        if inTime || deadline.map({ $0 <= .now }) ?? false { return true }
        watcher?.tell(found.mapValues(\.state))
        return false
    }

    /// Looks after every ring, and when the pace says so; the first time at once, because the end may have come
    /// before the waiter was registered.
    mutating func run(_ waiter: WaiterDoorbell?, pace: PollPace) async throws {
        var pace = pace
        // Of these, nobody else removes the entries: who ended them looked before the waiter was registered, or could
        // not ring.
        var unrung: Set<OperationID> = []
        var (ended, wasRung): (Set<OperationID>, Bool) = ([], false)
        while true {
            let isOver = try await look()
            let before = ended
            ended = Set(ids.filter { found[$0]?.state.isTerminal == true })
            if !wasRung { unrung.formUnion(ended.subtracting(before)) }
            waiter?.waits(for: ids.filter { !ended.contains($0) || unrung.contains($0) })
            if isOver { return }
            let pause = pace.pause(left: deadline.map { ContinuousClock.now.duration(to: $0) })
            if let waiter {
                let wake = await waiter.doorbell.wait(upTo: max(pause, .zero))
                guard wake != .shutDown else { throw CancellationError() }
                wasRung = wake == .rung
                await waiter.renewIfDue()
            } else {
                guard await ClusterEngine.pause(for: max(pause, .zero)) == .elapsed else { throw CancellationError() }
            }
        }
    }
}
