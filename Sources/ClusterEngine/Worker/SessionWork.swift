import ClusterModel
import ClusterStore

/// The operations that run under a session, and the outcomes that are not written down yet.
///
/// Pure.
///
/// Both count as known when the database's rows are compared with memory. An outcome keeps its place until the database
/// has confirmed it, so that an absent database bounds what is held, and nothing is claimed that could not be settled.
struct SessionWork: Sendable {
    /// Outcomes that may wait to be written before no more is claimed, for each slot: with the database away for a
    /// minute, a worker of short operations has finished what it had and rests.
    static let unsettledPerSlot = 4

    private struct Running {
        let delivery: Int
        var isInterrupted = false
    }

    private let slots: Int
    private var running: [OperationID: Running] = [:]
    private var finished: [Settling.Entry] = []
    private var settling: [OperationID: Settling.Entry] = [:]
    /// An operation whose row is being waited for; it may be claimed before we know.
    private var awaited: OperationID?
    /// Claims whose outcome the database does not take; they are not run again under this session.
    private var abandoned: Set<Claimed> = []

    init(slots: Int) {
        self.slots = slots
    }

    /// The number of operations that may be claimed now.
    var freeSlots: Int {
        let unsettled = finished.count + settling.count
        let taken = running.count + (isAwaiting ? 1 : 0)
        return unsettled >= slots * Self.unsettledPerSlot ? 0 : max(0, slots - taken)
    }

    /// A Boolean value that indicates whether a row is being waited for.
    var isAwaiting: Bool { awaited != nil }

    /// A Boolean value that indicates whether nothing runs and every outcome is written down.
    var isIdle: Bool { running.isEmpty && finished.isEmpty && settling.isEmpty }

    var runningCount: Int { running.count }

    /// Keeps a slot for an operation whose row is going to be waited for, one at a time.
    ///
    /// - Returns: False when another one is being waited for.
    mutating func await(_ id: OperationID) -> Bool {
        guard awaited == nil else { return false }
        awaited = id
        return true
    }

    /// Gives the slot of an awaited operation up, after it was begun or was not to be had.
    mutating func stopAwaiting() { awaited = nil }

    /// Takes note of a claim that begins.
    mutating func start(_ id: OperationID, delivery: Int) { running[id] = Running(delivery: delivery) }

    /// Marks interrupted what runs here and somebody wants ended; returns what was not interrupted before.
    mutating func interruptCancelled(among rows: [SessionStatements.Executing]) -> [OperationID] {
        var interrupted: [OperationID] = []
        for row in rows where row.isCancelRequested {
            guard let operation = running[row.id], operation.delivery == row.delivery, !operation.isInterrupted
            else { continue }
            running[row.id]?.isInterrupted = true
            interrupted.append(row.id)
        }
        return interrupted
    }

    /// Takes note of the outcome of an operation that has run.
    mutating func finish(_ entry: Settling.Entry) {
        running[entry.id] = nil
        finished.append(entry)
    }

    /// Takes what has finished since the last batch; natural batching: what finishes while it is written waits for
    /// the next.
    mutating func takeBatch() -> [Settling.Entry] {
        let batch = finished
        finished = []
        for entry in batch { settling[entry.id] = entry }
        return batch
    }

    /// Forgets what was written, or is no longer ours; puts the rest back in front.
    mutating func settled(_ batch: [Settling.Entry], again: [Settling.Entry]) {
        for entry in batch { settling[entry.id] = nil }
        finished = again + finished
    }

    /// Gives up writing an outcome down: handed back, the operation would run again, and its next outcome be refused
    /// as well.
    mutating func abandon(_ entry: Settling.Entry) {
        abandoned.insert(Claimed(id: entry.id, delivery: entry.delivery))
    }

    /// Gives out what was not written down, and forgets everything, at the end of the session.
    mutating func takeUnsettled() -> [Settling.Entry] {
        let unsettled = Array(settling.values) + finished
        self = SessionWork(slots: slots)
        return unsettled
    }

    // MARK: Comparison with the database

    /// The claims that this process knows of at one moment.
    struct Known: Sendable {
        fileprivate let claims: Set<Claimed>
        fileprivate let awaited: OperationID?

        fileprivate func includes(_ row: SessionStatements.Executing) -> Bool {
            row.id == awaited || claims.contains(Claimed(id: row.id, delivery: row.delivery))
        }
    }

    fileprivate struct Claimed: Hashable {
        let id: OperationID
        let delivery: Int
    }

    var known: Known {
        let running = running.map { Claimed(id: $0.key, delivery: $0.value.delivery) }
        let over = (finished + settling.values).map { Claimed(id: $0.id, delivery: $0.delivery) }
        return Known(claims: abandoned.union(running + over), awaited: awaited)
    }

    /// Those of the database's rows that this process knows nothing of, and knew nothing of before it read them: what
    /// it has settled since is no longer in memory, and was still in the database when the rows were read.
    func unknown(among rows: [SessionStatements.Executing], readAfter before: Known) -> [Settling.Entry] {
        let now = known
        return rows.filter { !before.includes($0) && !now.includes($0) }
            .map { Settling.Entry(id: $0.id, delivery: $0.delivery, report: .handedBack) }
    }
}
