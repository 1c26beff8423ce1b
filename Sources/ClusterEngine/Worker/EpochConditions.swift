import ClusterModel
import Synchronization

/// The conditions that the loops of an epoch tell each other.
final class EpochConditions: Sendable {
    private let lost = Flag()
    /// True until the database has said otherwise: a node may have been drained while its daemon was down.
    private let draining = Mutex(true)
    private let nodeGone = Flag()
    private let lease = Mutex<SessionLease?>(nil)
    private let poll: Mutex<IdlePoll>
    private let unknown = Mutex(false)
    private let filter = Mutex(ClaimFilter())

    init(_ poll: IdlePoll) {
        self.poll = Mutex(poll)
    }

    var isLost: Bool { lost.isSet }
    /// A Boolean value that indicates whether the node takes no new work; what runs is finished.
    var isDraining: Bool { draining.withLock { $0 } }
    /// A Boolean value that indicates whether the node has been removed: the session ends, once what runs is over.
    var isNodeGone: Bool { nodeGone.isSet }

    /// The moment at which the session's right to act ends; before it is opened, the present moment.
    var deadline: ContinuousClock.Instant { lease.withLock { $0?.deadline } ?? .now }

    func hold(_ lease: SessionLease) { self.lease.withLock { $0 = lease } }

    /// Takes note of a renewal, and passes the new deadline on.
    ///
    /// Not after a loss, nor after the deadline: an answer that comes too late must not revive what has ended, or is
    /// just being ended.
    func renewed(sentAt: ContinuousClock.Instant, _ passOn: (ContinuousClock.Instant) -> Void) {
        lease.withLock { lease in
            guard !lost.isSet, lease?.isOver(at: .now) == false else { return }
            lease?.renewed(sentAt: sentAt)
            if let lease { passOn(lease.deadline) }
        }
    }

    func pause(afterFailure failed: Bool) -> Duration {
        lease.withLock { $0?.pause(afterFailure: failed, at: .now) } ?? .zero
    }

    /// Gives the session up, and with it what goes on only under its lease.
    func lose(_ end: () -> Void) {
        lease.withLock { _ in
            lost.set()
            end()
        }
    }

    /// A Boolean value that indicates whether the queues are to be polled although nobody has rung.
    var isPollDue: Bool { poll.withLock { $0.isDue(at: .now) } }
    func looked(askedAt: ContinuousClock.Instant, foundWork: Bool) {
        poll.withLock { $0.looked(askedAt: askedAt, foundWork: foundWork) }
    }

    /// The work that the loop that claims has found it need not read, for the loops that read the queues on its behalf.
    var passedOver: ClaimFilter { filter.withLock { $0 } }
    func passOver(_ filter: ClaimFilter) { self.filter.withLock { $0 = filter } }

    /// Asks the loop that claims to compare the database's rows with memory.
    func seeUnknown() { unknown.withLock { $0 = true } }
    func takeUnknown() -> Bool {
        unknown.withLock { unknown in
            defer { unknown = false }
            return unknown
        }
    }

    func setDraining(_ value: Bool) { draining.withLock { $0 = value } }
    func loseNode() { nodeGone.set() }
}

/// Something that becomes true once.
final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }

    package func set() { value.withLock { $0 = true } }
}
