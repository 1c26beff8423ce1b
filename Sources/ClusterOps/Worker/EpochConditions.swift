import Synchronization

/// What the loops of an epoch tell each other.
final class EpochConditions: Sendable {
    private let lost = Flag()
    private let draining = Mutex(false)
    private let lease = Mutex<SessionLease?>(nil)

    var isLost: Bool { lost.isSet }
    /// Whether the node takes no new work; what runs is finished.
    var isDraining: Bool { draining.withLock { $0 } }

    /// When the session's right to act ends; before it is opened, at once.
    var deadline: SuspendingClock.Instant { lease.withLock { $0?.deadline } ?? .now }

    func hold(_ lease: SessionLease) { self.lease.withLock { $0 = lease } }
    func renewed(sentAt: SuspendingClock.Instant) { lease.withLock { $0?.renewed(sentAt: sentAt) } }

    func pause(afterFailure failed: Bool) -> Duration {
        lease.withLock { $0?.pause(afterFailure: failed, at: .now) } ?? .zero
    }

    func lose() { lost.set() }
    func setDraining(_ value: Bool) { draining.withLock { $0 = value } }
}

/// Something that becomes true once.
final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }

    func set() { value.withLock { $0 = true } }
}
