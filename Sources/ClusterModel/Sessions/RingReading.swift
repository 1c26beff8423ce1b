import FoundationEssentials

/// The part of the ring of sessions that one of them reads at a time: those that follow it.
///
/// Sessions stand in a ring in the order of their ids. The ids are random, so neighbours are of different machines.
package struct RingReading: Sendable, Hashable {
    /// Sessions that each one watches, and by which it is watched: two of three watchers may be slow or die with it.
    package static let narrowest = 3
    /// Sessions that each one watches in a large ring, where those at rest look at every fourth renewal.
    ///
    /// A death is seen within the lease and 2 s if one of its watchers looks within 2 s after the last renewal: with
    /// looks every 8 s none of 24 does once in 20,000 deaths, and once in 300 if half of them have died too.
    package static let wide = 24
    /// The sessions of a ring that is large: those of fewer, with a look at every renewal, take a quarter of a
    /// processor of the database.
    package static let large = 500.0
    /// Sessions that are read at once at most, which is a few milliseconds of the database.
    package static let widest = 1024
    /// The factor by which a reading in which nothing moves is widened: a run of n deaths is seen after some log n.
    private static let growth = 4

    package var width = narrowest
    /// A Boolean value that indicates whether the reading goes on at the beginning of the ring, because fewer than
    /// `width` may be left up to its end.
    package var wraps = true

    package init() {}

    /// The width of the narrowest reading that holds more than `count` sessions, or of the widest.
    static func width(over count: Int) -> Int {
        var width = narrowest
        while width <= count, width < widest { width = min(width * growth, widest) }
        return width
    }
}

extension SessionID {
    /// The number of places in the ring.
    package static let places = 1 << 48

    /// The place in the ring.
    ///
    /// MariaDB's order of UUIDs of version 4 goes by the last six bytes first. Only an estimate depends on it.
    package var place: Int {
        withUnsafeBytes(of: rawValue.uuid) { bytes in
            var place = 0
            for index in 10..<16 { place = place << 8 | Int(bytes[index]) }
            return place
        }
    }
}
