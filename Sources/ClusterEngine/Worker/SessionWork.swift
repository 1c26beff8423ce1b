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

    /// Snapshots in a row that have to lack a claim before it counts as lost: one may be older than it should be, such
    /// as that of another member of a cluster of servers.
    static let snapshotsUntilLost = 2

    private struct Running {
        let delivery: Int
        var isInterrupted = false
        /// The number of snapshots in a row that have lacked it.
        var missing = 0
    }

    private let slots: Int
    private var running: [OperationID: Running] = [:]
    private var finished: [Settling.Entry] = []
    /// Those that are being written, held ones included.
    private var settling: [OperationID: Settling.Entry] = [:]
    private var held = HeldOutcomes()
    /// Operations whose rows are being waited for; they may be claimed before we know.
    private var awaited: [HeldWork.Wait] = []
    /// Claims whose outcome the database does not take; they are not run again under this session.
    private var abandoned: Set<Claimed> = []

    init(slots: Int) {
        self.slots = slots
    }

    /// The number of operations that may be claimed now.
    var freeSlots: Int {
        let unsettled = finished.count + settling.count
        let taken = running.count + awaited.count
        return unsettled >= slots * Self.unsettledPerSlot ? 0 : max(0, slots - taken)
    }

    /// A Boolean value that indicates whether a row is being waited for.
    var isAwaiting: Bool { !awaited.isEmpty }

    /// The rows that may begin to be waited for now; nil when none may.
    ///
    /// One at a time, as each takes a slot and a connection. Only a repeated wait, which may take as long as somebody
    /// stands still, has one beside it: it must not hold up rows that are held for milliseconds.
    var awaitable: HeldWork.Choice? {
        if awaited.isEmpty { return .all }
        return awaited.allSatisfy(\.isRepeated) ? .fresh : nil
    }

    /// A Boolean value that indicates whether nothing runs and every outcome is written down.
    var isIdle: Bool { running.isEmpty && finished.isEmpty && settling.isEmpty }

    var runningCount: Int { running.count }

    /// Keeps a slot for an operation whose row is going to be waited for, as ``awaitable`` allows.
    mutating func await(_ wait: HeldWork.Wait) { awaited.append(wait) }

    /// Gives the slot of an awaited operation up, after it was begun or was not to be had.
    mutating func stopAwaiting(_ id: OperationID) { awaited.removeAll { $0.id == id } }

    /// Takes note of a claim that begins; an outcome of the same operation that is not written yet is of a claim that
    /// the database has lost, and counts for nothing.
    mutating func start(_ id: OperationID, delivery: Int) {
        running[id] = Running(delivery: delivery)
        finished.removeAll { $0.id == id }
    }

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

    /// Marks interrupted what runs here and is not the database's any more.
    ///
    /// A database that has lost its last commits gives the operation to others. What has finished is not asked for: its
    /// row goes when its outcome is written, and a lost claim's outcome is refused.
    /// - Parameters:
    ///   - rows: The claims of this session in one snapshot.
    ///   - before: The claims that were known before the snapshot was asked for, and so were committed.
    /// - Returns: What was not interrupted before.
    mutating func interruptLost(
        among rows: [SessionStatements.Executing],
        readAfter before: Known
    ) -> [OperationID] {
        let standing = Set(rows.map { Claimed(id: $0.id, delivery: $0.delivery) })
        var lost: [OperationID] = []
        for (id, operation) in running {
            let claim = Claimed(id: id, delivery: operation.delivery)
            guard !operation.isInterrupted, before.claims.contains(claim) else { continue }
            let missing = standing.contains(claim) ? 0 : operation.missing + 1
            running[id]?.missing = missing
            guard missing >= Self.snapshotsUntilLost else { continue }
            running[id]?.isInterrupted = true
            lost.append(id)
        }
        return lost
    }

    /// Takes note of the outcome of an operation that has run.
    ///
    /// - Returns: Whether there is a free slot now, and was none before.
    @discardableResult
    mutating func finish(_ entry: Settling.Entry) -> Bool {
        let wasFull = freeSlots == 0
        running[entry.id] = nil
        finished.append(entry)
        return wasFull && freeSlots > 0
    }

    /// Takes what has finished since the last batch; natural batching: what finishes while it is written waits for
    /// the next.
    ///
    /// With it goes what is held and not waited for; that alone makes no batch.
    mutating func takeBatch() -> [Settling.Entry] {
        guard !finished.isEmpty else { return [] }
        let batch = held.takeAll() + finished
        finished = []
        for entry in batch { settling[entry.id] = entry }
        return batch
    }

    /// Forgets what was written, or is no longer ours; puts `again` back in front, and lets wait what others hold.
    ///
    /// - Returns: Whether there is a free slot now, and was none before.
    @discardableResult
    mutating func settled(
        _ batch: [Settling.Entry],
        again: [Settling.Entry] = [],
        held locked: [Settling.Entry] = []
    ) -> Bool {
        let wasFull = freeSlots == 0
        for entry in batch { settling[entry.id] = nil }
        for entry in locked { settling[entry.id] = entry }
        for entry in batch where settling[entry.id] == nil { held.forget(entry.id) }
        held.hold(locked)
        finished = again + finished
        return wasFull && freeSlots > 0
    }

    /// Takes an outcome whose row is to be waited for, beside the batches.
    mutating func takeWait() -> HeldOutcomes.Wait? { held.takeWait() }

    /// Takes note that such a wait is over, after its result was told to ``settled(_:again:held:)``.
    mutating func stopWaiting() { held.stopWaiting() }

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
        fileprivate let awaited: Set<OperationID>

        fileprivate func includes(_ row: SessionStatements.Executing) -> Bool {
            awaited.contains(row.id) || claims.contains(Claimed(id: row.id, delivery: row.delivery))
        }
    }

    fileprivate struct Claimed: Hashable {
        let id: OperationID
        let delivery: Int
    }

    var known: Known {
        let running = running.map { Claimed(id: $0.key, delivery: $0.value.delivery) }
        let over = (finished + settling.values).map { Claimed(id: $0.id, delivery: $0.delivery) }
        return Known(claims: abandoned.union(running + over), awaited: Set(awaited.map(\.id)))
    }

    /// Those of the database's rows that this process knows nothing of, and knew nothing of before it read them: what
    /// it has settled since is no longer in memory, and was still in the database when the rows were read.
    func unknown(among rows: [SessionStatements.Executing], readAfter before: Known) -> [Settling.Entry] {
        let now = known
        return rows.filter { !before.includes($0) && !now.includes($0) }
            .map { Settling.Entry(id: $0.id, delivery: $0.delivery, report: .handedBack) }
    }
}
