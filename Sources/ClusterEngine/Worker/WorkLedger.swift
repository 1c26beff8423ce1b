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

    func await(_ id: OperationID) -> Bool { state.withLock { $0.work.await(id) } }
    func stopAwaiting() { state.withLock { $0.work.stopAwaiting() } }

    /// Takes note of a claim that begins; what it returns ends the run before its time.
    func start(_ claim: Claim) -> Interruption {
        let interruption = Interruption()
        state.withLock { state in
            state.work.start(claim.operation.id, delivery: claim.operation.deliveries)
            state.interruptions[claim.operation.id] = interruption
        }
        return interruption
    }

    /// Interrupts what runs here and somebody wants ended; returns what was not interrupted before.
    func interruptCancelled(among rows: [SessionStatements.Executing]) -> [OperationID] {
        state.withLock { state in
            let interrupted = state.work.interruptCancelled(among: rows)
            for id in interrupted { state.interruptions[id]?.request() }
            return interrupted
        }
    }

    func finish(_ entry: Settling.Entry) {
        state.withLock { state in
            state.work.finish(entry)
            state.interruptions[entry.id] = nil
        }
    }

    func takeBatch() -> [Settling.Entry] { state.withLock { $0.work.takeBatch() } }

    func settled(_ batch: [Settling.Entry], again: [Settling.Entry]) {
        state.withLock { $0.work.settled(batch, again: again) }
    }

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
