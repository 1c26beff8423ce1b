import ClusterModel
import ClusterStore
import Synchronization

/// The work of a session, as its loops and runs share it: a ``SessionWork`` behind a lock, with the means to interrupt
/// what runs.
final class WorkLedger: Sendable {
    private struct State {
        var work: SessionWork
        var interruptions: [OperationID: Interruption] = [:]
    }

    private let state: Mutex<State>

    init(slots: Int) {
        state = Mutex(State(work: SessionWork(slots: slots)))
    }

    var freeSlots: Int { state.withLock { $0.work.freeSlots } }
    var isAwaiting: Bool { state.withLock { $0.work.isAwaiting } }
    var isIdle: Bool { state.withLock { $0.work.isIdle } }
    var runningCount: Int { state.withLock { $0.work.runningCount } }
    var known: SessionWork.Known { state.withLock { $0.work.known } }

    var awaitable: HeldWork.Choice? { state.withLock { $0.work.awaitable } }
    func await(_ wait: HeldWork.Wait) { state.withLock { $0.work.await(wait) } }
    func stopAwaiting(_ id: OperationID) { state.withLock { $0.work.stopAwaiting(id) } }

    /// Takes note of a claim that begins; what it returns ends the run before its time.
    ///
    /// A run of the same operation that is still here is of a claim that the database has lost: it is interrupted, and
    /// the new one begins after it.
    func start(_ claim: Claim) -> Interruption {
        state.withLock { state in
            let lost = state.interruptions[claim.operation.id]
            lost?.request()
            let interruption = Interruption(after: lost)
            state.work.start(claim.operation.id, delivery: claim.operation.deliveries)
            state.interruptions[claim.operation.id] = interruption
            return interruption
        }
    }

    /// Interrupts what runs here and somebody wants ended; returns what was not interrupted before.
    func interruptCancelled(among rows: [SessionStatements.Executing]) -> [OperationID] {
        state.withLock { state in
            let interrupted = state.work.interruptCancelled(among: rows)
            for id in interrupted { state.interruptions[id]?.request() }
            return interrupted
        }
    }

    /// Interrupts what runs here and is not the database's any more; returns what was not interrupted before.
    func interruptLost(
        among rows: [SessionStatements.Executing],
        readAfter before: SessionWork.Known
    ) -> [OperationID] {
        state.withLock { state in
            let lost = state.work.interruptLost(among: rows, readAfter: before)
            for id in lost { state.interruptions[id]?.request() }
            return lost
        }
    }

    /// Takes note of the outcome of a run; one of a lost claim that was taken again meanwhile counts for nothing.
    ///
    /// - Returns: Whether there is a free slot now, and was none before.
    func finish(_ entry: Settling.Entry, of run: Interruption) -> Bool {
        let hasSlotsAgain = state.withLock { state in
            guard state.interruptions[entry.id] === run else { return false }
            state.interruptions[entry.id] = nil
            return state.work.finish(entry)
        }
        run.finish()
        return hasSlotsAgain
    }

    func takeBatch() -> [Settling.Entry] { state.withLock { $0.work.takeBatch() } }

    @discardableResult
    func settled(_ batch: [Settling.Entry], again: [Settling.Entry] = [], held: [Settling.Entry] = []) -> Bool {
        state.withLock { $0.work.settled(batch, again: again, held: held) }
    }

    func takeWait() -> HeldOutcomes.Wait? { state.withLock { $0.work.takeWait() } }
    func stopWaiting() { state.withLock { $0.work.stopWaiting() } }

    func abandon(_ entry: Settling.Entry) { state.withLock { $0.work.abandon(entry) } }

    func takeUnsettled() -> [Settling.Entry] {
        state.withLock { state in
            state.interruptions = [:]
            return state.work.takeUnsettled()
        }
    }

    func unknown(
        among rows: [SessionStatements.Executing],
        readAfter before: SessionWork.Known
    ) -> [Settling.Entry] {
        state.withLock { $0.work.unknown(among: rows, readAfter: before) }
    }
}
