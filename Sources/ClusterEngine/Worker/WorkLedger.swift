import ClusterModel
import ClusterStore
import Synchronization

/// The operations that a worker process runs, and the outcomes that are not written down yet.
///
/// Both count as known when the database's rows are compared with memory. An outcome keeps its place until the database
/// has confirmed it, so that an absent database bounds what is held, and nothing is claimed that could not be settled.
final class WorkLedger: Sendable {
    private struct Running {
        let delivery: Int
        let interruption: Interruption
        var isInterrupted = false
    }

    private struct State {
        var running: [OperationID: Running] = [:]
        var finished: [Settling.Entry] = []
        var settling: [OperationID: Settling.Entry] = [:]
        /// An operation whose row is being waited for; it may be claimed before we know.
        var awaited: OperationID?
        /// Claims whose outcome the database does not take; they are not run again under this session.
        var abandoned: Set<Claimed> = []
    }

    /// Outcomes that may wait to be written before no more is claimed, for each slot: with the database away for a
    /// minute, a worker of short operations has finished what it had and rests.
    static let unsettledPerSlot = 4

    private let slots: Int
    private let state = Mutex(State())

    init(slots: Int) {
        self.slots = slots
    }

    /// The number of operations that may be claimed now.
    var freeSlots: Int {
        state.withLock { state in
            let unsettled = state.finished.count + state.settling.count
            let taken = state.running.count + (state.awaited == nil ? 0 : 1)
            return unsettled >= slots * Self.unsettledPerSlot ? 0 : max(0, slots - taken)
        }
    }

    /// Keeps a slot for an operation whose row is going to be waited for, one at a time.
    ///
    /// - Returns: False when another one is being waited for.
    func await(_ id: OperationID) -> Bool {
        state.withLock { state in
            guard state.awaited == nil else { return false }
            state.awaited = id
            return true
        }
    }

    /// Gives the slot of an awaited operation up, after it was begun or was not to be had.
    func stopAwaiting() { state.withLock { $0.awaited = nil } }

    /// A Boolean value that indicates whether a row is being waited for.
    var isAwaiting: Bool { state.withLock { $0.awaited != nil } }

    /// A Boolean value that indicates whether nothing runs and every outcome is written down.
    var isIdle: Bool {
        state.withLock { $0.running.isEmpty && $0.finished.isEmpty && $0.settling.isEmpty }
    }

    var runningCount: Int { state.withLock { $0.running.count } }

    /// Takes note of a claim that begins; what it returns ends the run before its time.
    func start(_ claim: Claim) -> Interruption {
        let interruption = Interruption()
        state.withLock { state in
            state.running[claim.operation.id] = Running(
                delivery: claim.operation.deliveries,
                interruption: interruption
            )
        }
        return interruption
    }

    /// Interrupts what runs here and somebody wants ended; returns what was not interrupted before.
    func interruptCancelled(among rows: [SessionStatements.Executing]) -> [OperationID] {
        state.withLock { state in
            var interrupted: [OperationID] = []
            for row in rows where row.isCancelRequested {
                guard let running = state.running[row.id], running.delivery == row.delivery, !running.isInterrupted
                else { continue }
                state.running[row.id]?.isInterrupted = true
                running.interruption.request()
                interrupted.append(row.id)
            }
            return interrupted
        }
    }

    func finish(_ entry: Settling.Entry) {
        state.withLock { state in
            state.running[entry.id] = nil
            state.finished.append(entry)
        }
    }

    /// Takes what has finished since the last batch; natural batching: what finishes while it is written waits for
    /// the next.
    func takeBatch() -> [Settling.Entry] {
        state.withLock { state in
            let batch = state.finished
            state.finished = []
            for entry in batch { state.settling[entry.id] = entry }
            return batch
        }
    }

    /// Forgets what was written, or is no longer ours; puts the rest back in front.
    func settled(_ batch: [Settling.Entry], again: [Settling.Entry]) {
        state.withLock { state in
            for entry in batch { state.settling[entry.id] = nil }
            state.finished = again + state.finished
        }
    }

    /// Gives up writing an outcome down: handed back, the operation would run again, and its next outcome be refused
    /// as well.
    func abandon(_ entry: Settling.Entry) {
        _ = state.withLock { $0.abandoned.insert(Claimed(id: entry.id, delivery: entry.delivery)) }
    }

    /// Gives out what was not written down, at the end of the session.
    func takeUnsettled() -> [Settling.Entry] {
        state.withLock { state in
            let unsettled = Array(state.settling.values) + state.finished
            state = State()
            return unsettled
        }
    }

    /// The claims that this process knows of now.
    struct Known: Sendable {
        fileprivate let claims: Set<Claimed>
        fileprivate let awaited: OperationID?
    }

    fileprivate struct Claimed: Hashable {
        let id: OperationID
        let delivery: Int
    }

    var known: Known {
        state.withLock { state in
            let running = state.running.map { Claimed(id: $0.key, delivery: $0.value.delivery) }
            let over = (state.finished + state.settling.values).map { Claimed(id: $0.id, delivery: $0.delivery) }
            return Known(claims: state.abandoned.union(running + over), awaited: state.awaited)
        }
    }

    /// Those of the database's rows that this process knows nothing of, and knew nothing of before it read them: what
    /// it has settled since is no longer in memory, and was still in the database when the rows were read.
    func unknown(among rows: [SessionStatements.Executing], readAfter before: Known) -> [Settling.Entry] {
        let now = known
        return rows.filter { row in
            let claim = Claimed(id: row.id, delivery: row.delivery)
            return !before.claims.contains(claim) && !now.claims.contains(claim)
                && row.id != before.awaited && row.id != now.awaited
        }.map { Settling.Entry(id: $0.id, delivery: $0.delivery, report: .handedBack) }
    }
}
