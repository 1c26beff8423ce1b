import MariaDB

/// Decides which sessions have died, from what one reaper has itself seen.
///
/// Pure.
///
/// A session is dead only when its renewal counter has not moved for a full lease on the *reaper's* monotonic clock: a
/// database clock that is set forward expires nobody.
package struct ReaperWatch: Sendable {
    /// What one look at the table shows of a session.
    package struct Sighting: Sendable, Hashable {
        let session: SessionID
        let renewals: UInt64
        let lease: Duration
    }

    private struct Seen {
        var renewals: UInt64
        var since: SuspendingClock.Instant
    }

    private var seen: [SessionID: Seen] = [:]

    package init() {}

    /// Takes note of every living session, and returns those that are to be marked dead.
    ///
    /// A counter is dated by when its first sighting was *answered*, and held against when the last one was *asked for*: what
    /// lies between the two is never counted to a session's disadvantage.
    /// - Parameters:
    ///   - sightings: All sessions that are not marked dead.
    ///   - askedAt: Before the question was sent.
    ///   - answeredAt: After the answer had come.
    /// - Returns: The sessions whose counter has stood still for their whole lease.
    package mutating func observe(
        _ sightings: [Sighting],
        askedAt: SuspendingClock.Instant,
        answeredAt: SuspendingClock.Instant
    ) -> [SessionID] {
        var next: [SessionID: Seen] = [:]
        var dead: [SessionID] = []
        for sighting in sightings {
            var entry = seen[sighting.session] ?? Seen(renewals: sighting.renewals, since: answeredAt)
            if entry.renewals != sighting.renewals { entry = Seen(renewals: sighting.renewals, since: answeredAt) }
            next[sighting.session] = entry
            if askedAt - entry.since >= sighting.lease { dead.append(sighting.session) }
        }
        seen = next
        return dead
    }
}
