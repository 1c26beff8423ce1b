import ClusterModel
import Synchronization

/// The conditions that the loops of an epoch tell each other: an ``EpochState`` behind a lock, with the clock.
final class EpochConditions: Sendable {
    private let state: Mutex<EpochState>

    init(_ poll: IdlePoll, _ pace: RestPace) {
        state = Mutex(EpochState(poll, pace))
    }

    var isLost: Bool { state.withLock { $0.isLost } }
    var isDraining: Bool { state.withLock { $0.isDraining } }
    var isNodeGone: Bool { state.withLock { $0.isNodeGone } }
    var deadline: ContinuousClock.Instant { state.withLock { $0.deadline(at: .now) } }
    var isPollDue: Bool { state.withLock { $0.isPollDue(at: .now) } }
    var wantsSlots: Bool { state.withLock { $0.wantsSlots } }
    var passedOver: ClaimFilter { state.withLock { $0.passedOver } }

    func opened(_ lease: SessionLease, isDraining: Bool) {
        state.withLock { $0.opened(lease, isDraining: isDraining) }
    }

    /// Takes note of a renewal, and passes the new deadline on, both under the lock: a loss comes before or after.
    func renewed(sentAt: ContinuousClock.Instant, _ passOn: (ContinuousClock.Instant) -> Void) {
        state.withLock { state in
            if let deadline = state.renewed(sentAt: sentAt, at: .now) { passOn(deadline) }
        }
    }

    func pause(afterFailure failed: Bool) -> Duration {
        state.withLock { $0.pause(afterFailure: failed, at: .now) }
    }

    /// Gives the session up, and with it what goes on only under its lease, both under the lock.
    func lose(_ end: () -> Void) {
        state.withLock { state in
            state.lose()
            end()
        }
    }

    func loseNode() { state.withLock { $0.loseNode() } }
    func setDraining(_ value: Bool) { state.withLock { $0.isDraining = value } }
    func wantSlots(_ value: Bool) { state.withLock { $0.wantsSlots = value } }
    func passOver(_ filter: ClaimFilter) { state.withLock { $0.passedOver = filter } }

    func looked(askedAt: ContinuousClock.Instant, foundWork: Bool) {
        state.withLock { $0.looked(askedAt: askedAt, foundWork: foundWork) }
    }

    func allowRest(_ value: Bool) { state.withLock { $0.allowsRest = value } }
    func disturb() { state.withLock { $0.disturb(at: .now) } }

    func nextTurn(hasWork: Bool, afterFailure failed: Bool) -> RestPace.Turn {
        state.withLock { $0.nextTurn(hasWork: hasWork, afterFailure: failed) }
    }

    /// Asks the loop that claims to compare the database's rows with memory.
    func seeUnknown() { state.withLock { $0.seeUnknown() } }
    func takeUnknown() -> Bool { state.withLock { $0.takeUnknown() } }
}
