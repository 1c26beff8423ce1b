/// Decides how often datagrams may wake this process: the doorbell is open to anyone who can send to it.
///
/// A token bucket, kept as one instant (the generic cell rate algorithm of ITU-T I.371), so that there is nothing to
/// refill and nothing to round. Within any time `t` it wakes at most `burst + t × perSecond` times. A ring that comes
/// too early is owed, not lost: all of them together become one wake, at the first instant that allows it.
package struct RingLimiter: Sendable {
    /// Twenty processes that enqueue at the same instant ring without delay.
    static let usualBurst = 20

    /// Two hundred wakes a second are about what one loop can use.
    ///
    /// Each costs a read of candidates, which takes up to 2.7 ms (10,000 busy rows in front), and a ring is late by 5
    /// ms at most.
    static let usualRate = 200

    /// The decision about waking.
    enum Decision: Sendable, Hashable {
        /// Wake now.
        case wake
        /// Call `due(at:)` at that instant.
        case wakeLater(at: ContinuousClock.Instant)
        /// Nothing: a wake is owed already, and covers this ring.
        case covered
    }

    private let interval: Duration
    private let tolerance: Duration
    /// The moment at which the bucket is full again; nil before the first ring.
    private var full: ContinuousClock.Instant?
    private var owesWake = false

    /// Makes a full bucket.
    ///
    /// - Parameters:
    ///   - burst: how many wakes may follow each other at once; at least one.
    ///   - perSecond: how many a second in the long run; at least one.
    init(burst: Int = usualBurst, perSecond: Int = usualRate) {
        precondition(burst >= 1 && perSecond >= 1, "a doorbell that never rings is none")
        interval = .seconds(1) / perSecond
        tolerance = interval * (burst - 1)
    }

    /// A datagram rang.
    mutating func ring(at now: ContinuousClock.Instant) -> Decision {
        owesWake ? .covered : decide(at: now)
    }

    /// The instant of `wakeLater` has come; a timer that fires early is sent back.
    mutating func due(at now: ContinuousClock.Instant) -> Decision {
        precondition(owesWake, "no wake is owed")
        owesWake = false
        return decide(at: now)
    }

    private mutating func decide(at now: ContinuousClock.Instant) -> Decision {
        let full = max(full ?? now, now)
        let earliest = full - tolerance
        guard now >= earliest else {
            owesWake = true
            return .wakeLater(at: earliest)
        }
        self.full = full + interval
        return .wake
    }
}
