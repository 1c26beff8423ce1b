/// Decides which sessions have died, from what one reaper has itself seen.
///
/// Pure.
///
/// A session is dead only when its renewal counter has not moved for a full lease on the *reaper's* monotonic clock:
/// a database clock that is set forward expires nobody. That clock counts the time in suspend, as the holder's does:
/// what was seen before and stands as it was has not been renewed meanwhile.
package struct ReaperWatch: Sendable {
    /// A session, as one snapshot of the table shows it.
    package struct Sighting: Sendable, Hashable {
        package let session: SessionID
        package let renewals: UInt64
        package let lease: Duration

        package init(session: SessionID, renewals: UInt64, lease: Duration) {
            self.session = session
            self.renewals = renewals
            self.lease = lease
        }
    }

    private struct Seen {
        var renewals: UInt64
        /// The time at which it has stood still for a whole lease, counted from its first sighting.
        var end: ContinuousClock.Instant
    }

    private var seen: [SessionID: Seen] = [:]

    package init() {}

    /// Takes note of every living session, and returns those that are to be marked dead.
    ///
    /// A counter is dated by when its first sighting was *answered*, and held against when the last one was *asked
    /// for*: what lies between the two is never counted to a session's disadvantage.
    /// - Parameters:
    ///   - sightings: All sessions that are not marked dead.
    ///   - askedAt: Before the question was sent.
    ///   - answeredAt: After the answer had come.
    /// - Returns: The sessions whose counter has stood still for their whole lease.
    package mutating func observe(
        _ sightings: [Sighting],
        askedAt: ContinuousClock.Instant,
        answeredAt: ContinuousClock.Instant
    ) -> [SessionID] {
        var next: [SessionID: Seen] = [:]
        var dead: [SessionID] = []
        for sighting in sightings {
            let new = Seen(renewals: sighting.renewals, end: answeredAt + sighting.lease)
            var entry = seen[sighting.session] ?? new
            if entry.renewals != sighting.renewals { entry = new }
            next[sighting.session] = entry
            if askedAt >= entry.end { dead.append(sighting.session) }
        }
        seen = next
        return dead
    }

    /// The time at which the first of the sessions will have stood still for its whole lease; a poll at that moment
    /// finds it dead.
    package var nextDeath: ContinuousClock.Instant? { seen.values.map(\.end).min() }
}
