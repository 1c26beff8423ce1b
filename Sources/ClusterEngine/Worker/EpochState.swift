import ClusterModel

/// The state of a session that the loops of its epoch share: until when it may act, and what it may take.
///
/// Pure.
struct EpochState: Sendable {
    /// A Boolean value that indicates whether the session was given up; it stays so.
    private(set) var isLost = false
    /// A Boolean value that indicates whether the node has been removed; it stays so.
    private(set) var isNodeGone = false
    /// A Boolean value that indicates whether the node takes no new work.
    ///
    /// True until the database has said otherwise: a node may have been drained while its daemon was down.
    var isDraining = true
    /// The work that the loop that claims has found it need not read.
    var passedOver = ClaimFilter()
    /// A Boolean value that indicates whether a slot that falls free is of use: the last claim may have left something.
    var wantsSlots = true
    /// Nil before the session is opened.
    private var lease: SessionLease?
    private var poll: IdlePoll
    private var hasUnknown = false
    private var pace: RestPace
    /// A Boolean value that indicates whether the ring is large, and nobody in it was seen to be silent.
    var allowsRest = false
    /// The moment at which something happened that the next look has to see; nil when one has.
    private var disturbedAt: ContinuousClock.Instant?

    init(_ poll: IdlePoll, _ pace: RestPace) {
        self.poll = poll
        self.pace = pace
    }

    /// Takes note that the session was opened.
    mutating func opened(_ lease: SessionLease, isDraining: Bool) {
        self.lease = lease
        self.isDraining = isDraining
    }

    /// The moment at which the right to act ends; before the session is opened, the present moment.
    func deadline(at now: ContinuousClock.Instant) -> ContinuousClock.Instant { lease?.deadline ?? now }

    /// Takes note of a renewal that the database confirmed.
    ///
    /// Not after a loss, nor after the deadline: an answer that comes too late must not revive what has ended, or is
    /// just being ended.
    /// - Returns: The new deadline; nil when the renewal does not count.
    mutating func renewed(
        sentAt: ContinuousClock.Instant,
        at now: ContinuousClock.Instant
    ) -> ContinuousClock.Instant? {
        guard !isLost, lease?.isOver(at: now) == false else { return nil }
        lease?.renewed(sentAt: sentAt)
        return lease?.deadline
    }

    /// Returns the pause before the next renewal.
    func pause(afterFailure failed: Bool, at now: ContinuousClock.Instant) -> Duration {
        lease?.pause(afterFailure: failed, at: now) ?? .zero
    }

    /// Gives the session up.
    mutating func lose() { isLost = true }

    /// Takes note that the node has been removed: the session ends, once what runs is over.
    mutating func loseNode() { isNodeGone = true }

    /// Takes note that a renewal's snapshot was asked for at `askedAt`.
    mutating func looked(askedAt: ContinuousClock.Instant, foundWork: Bool) {
        poll.looked(askedAt: askedAt, foundWork: foundWork)
        if foundWork {
            disturbedAt = askedAt
        } else if let disturbedAt, disturbedAt < askedAt {
            self.disturbedAt = nil
        }
    }

    /// Returns whether the queues are to be polled although nobody has rung.
    func isPollDue(at now: ContinuousClock.Instant) -> Bool { poll.isDue(at: now, isAtRest: isAtRest) }

    // MARK: Rest

    /// A Boolean value that indicates whether nothing but work of its own keeps the session from rest.
    private var isAtRest: Bool { allowsRest && !isDraining && !isNodeGone && disturbedAt == nil }

    /// Takes note of something that the next look has to see, such as a claim that may or may not have happened.
    mutating func disturb(at now: ContinuousClock.Instant) { disturbedAt = now }

    /// Returns what is due now that one more renewal interval is over, or that a renewal has failed.
    mutating func nextTurn(hasWork: Bool, afterFailure failed: Bool) -> RestPace.Turn {
        pace.next(isAtRest: isAtRest && !hasWork && !failed)
    }

    /// Takes note that the database has claims of this session that its process does not know.
    mutating func seeUnknown() { hasUnknown = true }

    /// Returns whether there was such a claim since it was last asked.
    mutating func takeUnknown() -> Bool {
        defer { hasUnknown = false }
        return hasUnknown
    }
}
