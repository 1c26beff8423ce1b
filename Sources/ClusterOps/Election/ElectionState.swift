/// Who leads, as one candidate knows it.
///
/// Pure: it is told what the database answered and when it had asked, and says what
/// to do next.
///
/// A leader acts only until its *fence*: counted on its own clock, which counts suspend, from before the last confirmed renewal was
/// sent, and shorter than the lease. A candidate takes over only when the database says that the lease is over **and** the
/// candidate has itself seen the same renewal for a whole lease: a database clock that is set forward makes no second
/// leader. The term rises by one at each change of holder and is checked in every write; see design, section 5.
package struct ElectionState: Sendable, Hashable {
    /// How the lease is kept; the configuration refuses `renew ≥ fence` and `fence ≥ lease`.
    package struct Timing: Sendable, Hashable {
        package let lease: Duration
        package let renew: Duration
        package let fence: Duration

        package init(lease: Duration, renew: Duration, fence: Duration) {
            precondition(.zero < renew && renew < fence && fence < lease, "renew < fence < lease")
            self.lease = lease
            self.renew = renew
            self.fence = fence
        }

        /// Renewals that a leader may miss before the others make ready to take over.
        static let missedUntilPrepared = 2
    }

    /// The lease as a look at the database shows it.
    package struct Sighting: Sendable, Hashable {
        /// The session that holds it; nil when it was resigned or never held.
        package let holder: SessionID?
        package let term: UInt64
        /// Rises with every renewal.
        package let renewals: UInt64
        /// Whether the database's clock says that it is over.
        package let hasExpired: Bool

        package init(holder: SessionID?, term: UInt64, renewals: UInt64, hasExpired: Bool) {
            self.holder = holder
            self.term = term
            self.renewals = renewals
            self.hasExpired = hasExpired
        }
    }

    /// What is to be done now.
    package enum Action: Sendable, Hashable {
        /// Look at the lease.
        case look
        /// Take the lease if it still is as it was seen; the term becomes one more.
        case acquire(after: Sighting)
        /// Extend the lease of this term.
        case renew(term: UInt64)
        /// Stop acting at once: the fence has been reached, or another one leads.
        case stepDown(term: UInt64)
    }

    private enum Role: Sendable, Hashable {
        case follower(seen: Sighting?, since: ContinuousClock.Instant)
        case leader(term: UInt64, fence: ContinuousClock.Instant)
    }

    private let timing: Timing
    private let me: SessionID
    private var role: Role
    /// Before that it takes no lease.
    private var awayUntil: ContinuousClock.Instant?

    /// Starts as a follower that has seen nothing.
    package init(_ timing: Timing, me: SessionID, now: ContinuousClock.Instant) {
        self.timing = timing
        self.me = me
        role = .follower(seen: nil, since: now)
    }

    /// The term under which this candidate may act until `fence`, or nil.
    package func leadership(at now: ContinuousClock.Instant) -> (term: UInt64, fence: ContinuousClock.Instant)? {
        guard case .leader(let term, let fence) = role, now < fence else { return nil }
        return (term, fence)
    }

    /// Whether the leader has missed so many renewals that everything should be ready for the case that it is gone.
    package func shouldPrepare(at now: ContinuousClock.Instant) -> Bool {
        guard case .follower(let seen?, let since) = role else { return false }
        return seen.holder != nil && !isAway(at: now) && now - since >= timing.renew * (Timing.missedUntilPrepared + 1)
    }

    /// What to do at a moment, when it is `pause` later than the last answer.
    package mutating func next(at now: ContinuousClock.Instant) -> Action {
        switch role {
        case .leader(let term, let fence):
            guard now < fence else {
                role = .follower(seen: nil, since: now)
                return .stepDown(term: term)
            }
            return .renew(term: term)
        case .follower(let seen?, let since) where isFree(seen, since: since, now: now) && !isAway(at: now):
            return .acquire(after: seen)
        case .follower: return .look
        }
    }

    /// How long to wait before the next question: a renewal's interval, or until it could be taken over.
    package func pause(at now: ContinuousClock.Instant) -> Duration {
        guard case .follower(let seen?, let since) = role else {
            return max(timing.renew, awayUntil.map { $0 - now } ?? .zero)
        }
        if let awayUntil, now < awayUntil { return awayUntil - now }
        if isFree(seen, since: since, now: now) { return .zero }
        let left = since + timing.lease - now
        // It has stood still for a lease, and only the database's clock says that it runs: there is no moment to wait for.
        return left > .zero ? min(timing.renew, left) : timing.renew / 4
    }

    private func isAway(at now: ContinuousClock.Instant) -> Bool { awayUntil.map { now < $0 } ?? false }

    private func isFree(_ seen: Sighting, since: ContinuousClock.Instant, now: ContinuousClock.Instant) -> Bool {
        // A lease that is ours from before we stepped down is waited out like anybody's: we may act on nothing of it.
        seen.holder == nil || (seen.hasExpired && now - since >= timing.lease)
    }

    /// Leaves the lease to others for a while.
    package mutating func stayAway(until: ContinuousClock.Instant) {
        awayUntil = max(awayUntil ?? until, until)
    }

    // MARK: Answers

    /// The lease was looked at; dated by when the answer had come, because its holder may have renewed just before.
    package mutating func saw(_ sighting: Sighting, answeredAt: ContinuousClock.Instant) {
        guard case .follower(let seen, let since) = role else { return }
        let isSame =
            seen?.term == sighting.term && seen?.renewals == sighting.renewals && seen?.holder == sighting.holder
        role = .follower(seen: sighting, since: isSame ? since : answeredAt)
    }

    /// The lease was taken with this term.
    package mutating func acquired(term: UInt64, askedAt: ContinuousClock.Instant) {
        role = .leader(term: term, fence: askedAt + timing.fence)
    }

    /// Somebody else was faster, or the lease was renewed meanwhile.
    package mutating func wasBeaten(at now: ContinuousClock.Instant) {
        role = .follower(seen: nil, since: now)
    }

    /// The renewal was confirmed.
    package mutating func renewed(term: UInt64, askedAt: ContinuousClock.Instant) {
        guard case .leader(term, let fence) = role else { return }
        role = .leader(term: term, fence: max(fence, askedAt + timing.fence))
    }

    /// The database says that the lease is not ours any more.
    ///
    /// - Returns: The term that has to be given up at once, if there is one.
    package mutating func lost(at now: ContinuousClock.Instant) -> UInt64? {
        guard case .leader(let term, _) = role else { return nil }
        role = .follower(seen: nil, since: now)
        return term
    }
}
