/// Decides which sessions have died, from what one reaper has itself seen, and which of them it reads next.
///
/// Pure.
///
/// A session is dead only when its renewal counter has not moved for a full lease on the *reaper's* monotonic clock:
/// a database clock that is set forward expires nobody. That clock counts the time in suspend, as the holder's does:
/// what was seen before and stands as it was has not been renewed meanwhile.
///
/// It reads the few sessions that follow its own in the ring, and more of them as long as none of these moves: behind
/// dead ones there may be others whose watchers are all dead.
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

    /// The sessions that one reading of the ring has found, in order.
    package struct Window: Sendable, Hashable {
        package let reading: RingReading
        package let sightings: [Sighting]
        /// The number of those before the end of the ring.
        let following: Int

        /// Takes sessions that are not marked dead: those after the reader's own up to the end of the ring, and those
        /// from its beginning, of each at most as many as the reading is wide.
        package init(_ reading: RingReading = RingReading(), following: [Sighting], wrapped: [Sighting] = []) {
            self.reading = reading
            self.following = following.count
            sightings = Array((following + wrapped).prefix(reading.width))
        }

        /// A Boolean value that indicates whether all sessions but the reader's own are in it.
        var isWholeRing: Bool { sightings.count < reading.width && reading.wraps }
        /// A Boolean value that indicates whether the ring ended before the reading was full.
        var isCutOff: Bool { sightings.count < reading.width && !reading.wraps }
    }

    private struct Seen {
        var renewals: UInt64
        /// The moment at which its first sighting was answered.
        var since: ContinuousClock.Instant
        var lease: Duration
        /// A Boolean value that indicates whether the counter was seen to rise; at the first sighting nobody knows.
        var hasMoved = false

        /// The time at which it has stood still for a whole lease.
        var end: ContinuousClock.Instant { since + lease }

        /// Returns whether it is late: a session that lives is renewed three times in a lease at least, and looks come
        /// as often as renewals.
        func isSilent(at instant: ContinuousClock.Instant) -> Bool { instant - since >= lease / 6 }

        /// Returns whether it is late even if it is at rest: then it is renewed within two fifths of its lease.
        func isOverdue(at instant: ContinuousClock.Instant) -> Bool { instant - since >= lease / 2 }
    }

    private var seen: [SessionID: Seen] = [:]
    /// The reading that is due.
    package private(set) var reading = RingReading()
    /// A Boolean value that indicates whether that reading is due at once, and not with the next renewal.
    package private(set) var readsOn = false
    /// The last session of the last window, and its place in it.
    private var last: (session: SessionID, position: Int)?
    /// A Boolean value that indicates whether the ring has so many sessions that those at rest look more rarely, and
    /// read more of it when they do.
    package private(set) var isRingLarge = false
    /// A Boolean value that indicates whether a wide reading says so too: three sessions that stand close together by
    /// chance make a small ring look large, and whoever rests in that is late.
    private var isConfirmedLarge = false
    /// A Boolean value that indicates whether no session of the last window has stood still for longer than one at rest
    /// does.
    private var isQuiet = false
    /// The width of a reading in which sessions move.
    private var usualWidth: Int { isRingLarge ? RingReading.wide : RingReading.narrowest }

    package init() {}

    /// Takes note of every session of a window, and returns those that are to be marked dead.
    ///
    /// A counter is dated by when its first sighting was *answered*, and held against when the last one was *asked
    /// for*: what lies between the two is never counted to a session's disadvantage.
    /// - Parameters:
    ///   - window: The sessions that were read.
    ///   - askedAt: Before the question was sent.
    ///   - answeredAt: After the answer had come.
    /// - Returns: The sessions whose counter has stood still for their whole lease.
    package mutating func observe(
        _ window: Window,
        askedAt: ContinuousClock.Instant,
        answeredAt: ContinuousClock.Instant
    ) -> [SessionID] {
        // One that was asked for before it was known that more is to be read takes nothing from what is known.
        let isOutdated = window.reading.width < reading.width
        var next = isOutdated ? seen : [:]
        var dead: [SessionID] = []
        var (silent, firstMoving): (Int, Int?) = (0, nil)
        for (index, sighting) in window.sightings.enumerated() {
            var entry =
                seen[sighting.session]
                ?? Seen(renewals: sighting.renewals, since: answeredAt, lease: sighting.lease)
            if entry.renewals != sighting.renewals {
                entry = Seen(
                    renewals: sighting.renewals,
                    since: answeredAt,
                    lease: sighting.lease,
                    hasMoved: true
                )
            }
            next[sighting.session] = entry
            if askedAt >= entry.end { dead.append(sighting.session) }
            if entry.isSilent(at: askedAt) {
                silent += 1
            } else if entry.hasMoved, firstMoving == nil {
                firstMoving = index
            }
        }
        seen = next
        isQuiet = !next.values.contains { $0.isOverdue(at: askedAt) }
        last = window.isWholeRing ? nil : window.sightings.last.map { ($0.session, window.sightings.count) }
        let width = width(after: window, silent, firstMoving)
        readsOn = window.isCutOff || width > window.reading.width
        reading.width = width
        reading.wraps = window.following < width
        return dead
    }

    /// Returns how much is to be read: up to the first session that moves, or more than was read if all are silent.
    ///
    /// One that was seen for the first time may be either; as long as only such are left, what is read stays as it is,
    /// because what is not read is forgotten.
    private func width(after window: Window, _ silent: Int, _ firstMoving: Int?) -> Int {
        if let firstMoving { return max(usualWidth, RingReading.width(over: firstMoving)) }
        if window.sightings.isEmpty { return usualWidth }
        guard silent == window.sightings.count, !window.isWholeRing else { return reading.width }
        return max(reading.width, RingReading.width(over: silent))
    }

    /// Takes the size of the ring into account for the next reading, as far as `session`, which reads it, knows it.
    ///
    /// The estimate from three sessions is off by half as a rule, and that from a wide reading, which follows it, by a
    /// fifth.
    package mutating func adapt(to session: SessionID) {
        let sessions = 1 / part(of: session)
        isRingLarge = sessions >= (isRingLarge ? RingReading.large * 0.75 : RingReading.large)
        isConfirmedLarge = isRingLarge && (last?.position ?? 0) >= RingReading.wide
        guard reading.width < usualWidth else { return }
        (reading.width, reading.wraps) = (usualWidth, true)
    }

    /// A Boolean value that indicates whether a session that has nothing to do may look at every fourth renewal only.
    package var allowsRest: Bool { isConfirmedLarge && isQuiet && !readsOn && reading.width == usualWidth }

    /// The time at which the first of the sessions will have stood still for its whole lease; a poll at that moment
    /// finds it dead.
    package var nextDeath: ContinuousClock.Instant? { seen.values.map(\.end).min() }

    /// Returns the part of the ring that belongs to a session: all of it while all others are in its window, else
    /// about one in as many as there are.
    package func part(of session: SessionID) -> Double {
        guard let last else { return 1 }
        let distance = (last.session.place - session.place + SessionID.places) % SessionID.places
        return Double(distance) / Double(SessionID.places) / Double(last.position)
    }
}
