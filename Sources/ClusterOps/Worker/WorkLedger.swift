import Synchronization

/// What a worker process holds: the operations that it runs, and the outcomes that are not written down yet.
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
    }

    /// Outcomes that may wait to be written before no more is claimed, for each slot: with the database away for a minute, a
    /// worker of short operations has finished what it had and rests.
    static let unsettledPerSlot = 4

    private let slots: Int
    private let state = Mutex(State())

    init(slots: Int) {
        self.slots = slots
    }

    /// How many operations may be claimed now.
    var freeSlots: Int {
        state.withLock { state in
            let unsettled = state.finished.count + state.settling.count
            return unsettled >= slots * Self.unsettledPerSlot ? 0 : max(0, slots - state.running.count)
        }
    }

    /// Whether nothing runs and every outcome is written down.
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

    /// Takes what has finished since the last batch; natural batching: what finishes while it is written waits for the next.
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

    /// Gives out what was not written down, at the end of the session.
    func takeUnsettled() -> [Settling.Entry] {
        state.withLock { state in
            let unsettled = Array(state.settling.values) + state.finished
            state = State()
            return unsettled
        }
    }

    /// Those of the database's rows that this process knows nothing of.
    func unknown(among rows: [SessionStatements.Executing]) -> [Settling.Entry] {
        state.withLock { state in
            rows.filter { row in
                state.running[row.id]?.delivery != row.delivery && state.settling[row.id] == nil
                    && !state.finished.contains { $0.id == row.id }
            }
        }.map { Settling.Entry(id: $0.id, delivery: $0.delivery, report: .handedBack) }
    }
}
