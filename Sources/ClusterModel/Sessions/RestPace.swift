/// Decides at which of its renewal intervals a session is renewed, and at which it looks at the cluster as well.
///
/// Pure. A session renews and looks in each of them, but for one that has nothing to do in a large ring: it
/// renews in every second one and looks in every fourth, so that all together leave the database at rest too.
package struct RestPace: Sendable {
    /// The part of renewal and look that is due in one interval.
    package enum Turn: Sendable, Hashable {
        case nothing
        case renewal
        /// A renewal with a look, and how many intervals after the last one.
        case look(after: Int)
    }

    /// The renewal intervals of which a session at rest is renewed in one.
    static let intervalsOfRenewal = 2
    /// The renewal intervals of which a session at rest looks in one.
    package static let intervalsOfLook = 4
    /// The renewal intervals of a lease, at least, of which one may be left out: after one that fails there is time
    /// for a second one, as ever.
    private static let leastIntervals = 5.0

    private let leavesOut: Bool
    private let phase: Int
    private var interval = 0
    private var lookedAt = 0

    /// Creates a rule; `phase` is random, so that sessions that were opened together do not look together.
    package init(_ timing: SessionLease.Timing, phase: Int) {
        leavesOut = timing.leaseDuration / timing.renewInterval >= Self.leastIntervals
        self.phase = phase
    }

    /// Returns what is due now that one more interval is over.
    package mutating func next(isAtRest: Bool) -> Turn {
        interval += 1
        let (place, rests) = (interval + phase, isAtRest && leavesOut)
        if !rests || place.isMultiple(of: Self.intervalsOfLook) {
            defer { lookedAt = interval }
            return .look(after: interval - lookedAt)
        }
        return place.isMultiple(of: Self.intervalsOfRenewal) ? .renewal : .nothing
    }
}
