import ClusterModel

/// Decides whether a worker that nobody has rung has to look at its queues.
///
/// Pure.
///
/// Every renewal looks at the queues too. Where the polls are to be no closer than the renewals, a renewal that has
/// found nothing was the poll; the poll of its own is then for the time in which renewals fail.
struct IdlePoll: Sendable {
    private let interval: Duration
    private let renewInterval: Duration
    private var foundNothingAt: ContinuousClock.Instant?

    init(interval: Duration, renewInterval: Duration) {
        self.interval = interval
        self.renewInterval = renewInterval
    }

    /// Takes note of a renewal's look that was sent at `askedAt`.
    mutating func looked(askedAt: ContinuousClock.Instant, foundWork: Bool) {
        foundNothingAt = foundWork ? nil : askedAt
    }

    /// Returns whether a poll is due: no read of the queues was made in time.
    ///
    /// Half a renewal of tolerance: the renewals are a round trip further apart than they are told, and so come after
    /// a poll of the same interval.
    /// At rest only some of the renewals look (`RestPace`), and the next look is waited for.
    func isDue(at now: ContinuousClock.Instant, isAtRest: Bool = false) -> Bool {
        guard interval >= renewInterval, let foundNothingAt else { return true }
        let untilNext = isAtRest ? max(interval, renewInterval * RestPace.intervalsOfLook) : interval
        return now - foundNothingAt > untilNext + renewInterval / 2
    }
}
