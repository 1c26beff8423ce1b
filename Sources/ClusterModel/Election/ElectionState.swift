/// The state of an election, as one candidate knows it.
///
/// Pure: it is told what the database answered and when it had asked, and says what to do next.
///
/// A leader acts only until its *fence*: counted on its own clock, which counts suspend, from before the last
/// confirmed renewal was sent, or the last round that all witnesses have confirmed, and shorter than the lease. A
/// candidate takes over only when it has itself seen the same renewal for a whole lease, on a clock that counts suspend
/// too: the database's clock makes no second leader when it is set forward, and keeps no dead one when it is set back.
/// The term rises by one at each change of holder and is checked in every write; see design, section 5.
package struct ElectionState: Sendable, Hashable {
    /// The durations by which the lease is kept; the configuration refuses `renew ≥ fence` and `fence ≥ lease`.
    package struct Timing: Sendable, Hashable {
        package let lease: Duration
        package let renew: Duration
        package let fence: Duration
        /// The time for which a leader that hands over waits for another one to be ready.
        ///
        /// 150 servers start within 2 s on two busy processors; with the 30 s that running operations may take it
        /// stays well within the 90 s after which systemd kills what it has asked to stop.
        package let handover: Duration
        /// The time that a candidate which is no witness waits, instead of the lease; zero is that there are none.
        package let outage: Duration

        package init(
            lease: Duration,
            renew: Duration,
            fence: Duration,
            handover: Duration = .seconds(10),
            outage: Duration = .zero
        ) {
            precondition(.zero < renew && renew < fence && fence < lease, "renew < fence < lease")
            precondition(outage == .zero || outage >= lease, "an outage time is no shorter than the lease")
            self.lease = lease
            self.renew = renew
            self.fence = fence
            self.handover = handover
            self.outage = outage
        }

        /// Renewals that a leader may miss before the others make ready to take over.
        ///
        /// 150 servers take two seconds, and should stand when its lease ends; to be ready for nothing costs no more.
        static let missedUntilPrepared = 1
        /// The interval at which everybody polls while a leader hands over: a read by key, for some seconds.
        static let lookInHandover: Duration = .milliseconds(100)

        /// The time for which a lease that was left to a successor is left to it: it polls ten times in it.
        var headStart: Duration { max(renew, Self.lookInHandover * 10) }

        /// The time without renewal after which a lease stands still: others make ready, its holder asks witnesses, and
        /// a witness that sees it itself does not confirm.
        var standstill: Duration { renew * (Self.missedUntilPrepared + 1) }

        /// The time after the last confirmed renewal was sent at which a tenure ends, whoever confirms it: the others
        /// wait for the outage time, and it may be heard after its fence for as long as lies between fence and lease.
        ///
        /// A fifth of the outage time is left for clocks that are slewed meanwhile: one of them may be a tenth slow,
        /// and the other one a tenth fast. The kernel slews by 10 % at most, and chrony by 8.3 % unless it is told
        /// otherwise.
        var bound: Duration { outage * 4 / 5 - (lease - fence) }
    }

    /// The lease as a look at the database shows it.
    package struct Sighting: Sendable, Hashable {
        /// The session that holds it; nil when it was resigned or never held.
        package let holder: SessionID?
        package let term: UInt64
        /// Rises with every renewal.
        package let renewals: UInt64
        /// The time for which its holder has it from each renewal; a candidate that is configured otherwise waits for
        /// no less.
        package let lease: Duration
        /// A Boolean value that indicates whether its holder goes on only until another one is ready.
        package let isHandingOver: Bool
        /// The session that the last holder has left it to; nil while it is held, and when it is anybody's.
        package let successor: SessionID?
        /// The outage time, if the row has a list of witnesses and this candidate's node is not in it; otherwise zero.
        ///
        /// Such a candidate is not asked, and so waits as long.
        package let outage: Duration

        package init(
            holder: SessionID?,
            term: UInt64,
            renewals: UInt64,
            lease: Duration = .zero,
            isHandingOver: Bool = false,
            successor: SessionID? = nil,
            outage: Duration = .zero
        ) {
            self.holder = holder
            self.term = term
            self.renewals = renewals
            self.lease = lease
            self.isHandingOver = isHandingOver
            self.successor = successor
            self.outage = outage
        }

        /// Returns whether the lease had been changed since, when the other one was seen.
        func isOlder(than other: Sighting) -> Bool { (term, renewals) < (other.term, other.renewals) }
    }

    /// The action to take now.
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

    enum Role: Sendable, Hashable {
        /// It counts from when the lease was first seen as it is, or from when its holder was last confirmed.
        case follower(seen: Sighting?, since: ContinuousClock.Instant)
        case leader(Leading)
    }

    /// A term that is led.
    struct Leading: Sendable, Hashable {
        let term: UInt64
        var fence: ContinuousClock.Instant
        /// The moment at which the last confirmed renewal was sent.
        var renewedAt: ContinuousClock.Instant
        var lists = WitnessLists()
    }

    /// The time over which reads without a failure in between have shown the lease unchanged.
    struct Standstill: Sendable, Hashable {
        let since: ContinuousClock.Instant
        var until: ContinuousClock.Instant
    }

    /// A time in which it takes no lease: before `until`, unless it has seen another one lead and that is enough.
    private struct Away: Sendable, Hashable {
        let until: ContinuousClock.Instant
        let endsWhenLed: Bool
    }

    let timing: Timing
    private let me: SessionID
    var role: Role
    /// Nil after a read that failed.
    private(set) var standstill: Standstill?
    private var away: Away?
    /// The newest version of the lease that this candidate has seen or made, whatever its role since.
    private var newest: Sighting?
    /// The moment before which no lease is free, because a version was seen that is older than the newest: whoever
    /// held that one may act until then.
    private var distrustedUntil: ContinuousClock.Instant?
    /// The handover that the leader has begun; nil while it means to stay.
    package private(set) var handover: Handover?

    /// Starts as a follower that has seen nothing.
    package init(_ timing: Timing, me: SessionID, now: ContinuousClock.Instant) {
        self.timing = timing
        self.me = me
        role = .follower(seen: nil, since: now)
    }

    /// The term under which this candidate may act until `fence`, or nil.
    package func leadership(at now: ContinuousClock.Instant) -> (term: UInt64, fence: ContinuousClock.Instant)? {
        guard case .leader(let leading) = role, now < leading.fence else { return nil }
        return (leading.term, leading.fence)
    }

    /// Returns whether everything should be ready here, because the leader has missed renewals or hands over.
    ///
    /// It goes by whether it should until now: what is about to be taken is no reason to let go.
    package func shouldBeReady(_ isReady: Bool, at now: ContinuousClock.Instant) -> Bool {
        guard case .follower(let seen, let since) = role, !isAway(at: now) else { return false }
        guard let seen else { return isReady }
        guard seen.holder != nil else { return isReady || seen.successor != nil }
        return seen.isHandingOver || now - since >= timing.standstill
    }

    /// The term whose holder waits for somebody to be ready; nil when none does, or this candidate stays away.
    package func awaitedTerm(at now: ContinuousClock.Instant) -> UInt64? {
        guard case .follower(let seen?, _) = role, let holder = seen.holder, holder != me, seen.isHandingOver,
            !isAway(at: now)
        else { return nil }
        return seen.term
    }

    /// Decides what to do at a moment, when it is `pause` later than the last answer.
    package mutating func next(at now: ContinuousClock.Instant) -> Action {
        switch role {
        case .leader(let leading):
            guard now < leading.fence else {
                handover = nil
                role = .follower(seen: nil, since: now)
                return .stepDown(term: leading.term)
            }
            return .renew(term: leading.term)
        case .follower(let seen?, let since) where isFree(seen, since: since, now: now) && !isAway(at: now):
            return .acquire(after: seen)
        case .follower: return .look
        }
    }

    /// Returns the time to wait before the next question: a renewal's interval, or until the lease could be taken over.
    package func pause(at now: ContinuousClock.Instant) -> Duration {
        // Who waits for another one to lead has to look.
        if let away, now < away.until { return away.endsWhenLed ? timing.renew : max(timing.renew, away.until - now) }
        guard case .follower(let seen?, let since) = role else { return timing.renew }
        if isFree(seen, since: since, now: now) { return .zero }
        let left = max(since + patience(with: seen), distrustedUntil ?? since) - now
        let isHandedOver = seen.isHandingOver || seen.holder == nil
        return min(isHandedOver ? Timing.lookInHandover : timing.renew, left)
    }

    private func isAway(at now: ContinuousClock.Instant) -> Bool { away.map { now < $0.until } ?? false }

    private func isFree(_ seen: Sighting, since: ContinuousClock.Instant, now: ContinuousClock.Instant) -> Bool {
        if let distrustedUntil, now < distrustedUntil { return false }
        // A lease that is ours from before we stepped down is waited out like anybody's: we may act on nothing of it.
        guard seen.holder == nil else { return now - since >= patience(with: seen) }
        // Nobody is heard: whoever it was left to only has a start on the others.
        return seen.successor == nil || seen.successor == me || now - since >= timing.headStart
    }

    /// Returns the time for which a lease that is held has to stand still before it is another's.
    private func patience(with seen: Sighting) -> Duration { max(timing.lease, seen.lease, seen.outage) }

    /// Leaves the lease to others for a while.
    ///
    /// - Parameters:
    ///   - until: for how long at most.
    ///   - endsWhenLed: whether it stands again as soon as it has seen another one lead.
    package mutating func stayAway(until: ContinuousClock.Instant, endsWhenLed: Bool = false) {
        if let away, away.until >= until { return }
        away = Away(until: until, endsWhenLed: endsWhenLed)
    }

    // MARK: Handing over

    /// Begins to hand over, or goes on for a cause that leaves less choice; nothing while it does not lead.
    ///
    /// - Parameters:
    ///   - cause: why; one that was asked to resign and is then stopped is one that is stopped.
    ///   - strength: how much it serves.
    ///   - now: when that was so.
    /// - Returns: Whether that is news.
    package mutating func handOver(_ cause: Handover.Cause, strength: Int, at now: ContinuousClock.Instant) -> Bool {
        guard case .leader = role else { return false }
        let deadline = now + timing.handover
        guard let handover else {
            self.handover = Handover(cause, strength: strength, deadline: deadline)
            return true
        }
        guard handover.cause < cause else { return false }
        self.handover = handover.become(cause, deadline: deadline)
        return true
    }

    /// The candidates are being told, by every renewal from now on.
    package mutating func announce() { handover?.isAnnounced = true }

    /// Ends what was begun by ``handOver(_:strength:at:)``: the leader stays.
    package mutating func stay() { handover = nil }

    // MARK: Answers

    /// The lease was looked at; dated by when the answer had come, because its holder may have renewed just before.
    ///
    /// - Returns: Whether it is older than it was: the database has lost commits, such as the one by which somebody was
    ///   elected who does not know of it yet.
    @discardableResult
    package mutating func saw(_ sighting: Sighting, answeredAt: ContinuousClock.Instant) -> Bool {
        guard case .follower(let seen, let since) = role else { return false }
        let lost = newest.flatMap { sighting.isOlder(than: $0) ? $0 : nil }
        if let lost { distrustedUntil = answeredAt + max(patience(with: lost), patience(with: sighting)) }
        newest = sighting
        if let away, away.endsWhenLed, let holder = sighting.holder, holder != me { self.away = nil }
        // One that becomes a witness of this row only now may not have been the one that was asked until now.
        let isSame =
            seen?.term == sighting.term && seen?.renewals == sighting.renewals && seen?.holder == sighting.holder
            && seen?.outage == sighting.outage
        role = .follower(seen: sighting, since: isSame ? since : answeredAt)
        if isSame, standstill != nil {
            standstill?.until = answeredAt
        } else {
            standstill = Standstill(since: answeredAt, until: answeredAt)
        }
        return lost != nil
    }

    /// The lease could not be read: its holder may have no way to the database either.
    package mutating func couldNotLook() { standstill = nil }

    /// The lease was taken with this term.
    package mutating func acquired(term: UInt64, askedAt: ContinuousClock.Instant) {
        newest = Sighting(holder: me, term: term, renewals: newest.map { $0.renewals + 1 } ?? 0)
        role = .leader(Leading(term: term, fence: askedAt + timing.fence, renewedAt: askedAt))
        standstill = nil
    }

    /// Somebody else was faster, or the lease was renewed meanwhile.
    package mutating func wasBeaten(at now: ContinuousClock.Instant) {
        role = .follower(seen: nil, since: now)
    }

    /// The renewal was confirmed, and the list that was sent with it.
    package mutating func renewed(term: UInt64, askedAt: ContinuousClock.Instant, list: WitnessList = .none) {
        guard case .leader(var leading) = role, leading.term == term else { return }
        leading.fence = max(leading.fence, askedAt + timing.fence)
        leading.renewedAt = max(leading.renewedAt, askedAt)
        leading.lists.confirm(list)
        role = .leader(leading)
    }

    /// The database says that the lease is not ours any more.
    ///
    /// - Returns: The term that has to be given up at once, if there is one.
    package mutating func lost(at now: ContinuousClock.Instant) -> UInt64? {
        guard case .leader(let leading) = role else { return nil }
        handover = nil
        role = .follower(seen: nil, since: now)
        return leading.term
    }
}
