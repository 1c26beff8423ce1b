import FoundationEssentials

/// Makes UUIDs of version 7 (RFC 9562, 5.7) that strictly increase, from a clock and random bits that the caller
/// brings.
///
/// From the top: 48 bits of milliseconds since 1970, 42 bits of counter, and 32 random bits, with the version and the
/// variant between. A new millisecond seeds the counter at random in its lower half, so that ids of several processes
/// are hard to guess and do not collide; within a millisecond, and when the clock steps back, the counter goes up by
/// one over the last millisecond seen. That is method 1 of RFC 9562, 6.2, with a wide counter.
package struct UUIDv7Generator: Sendable {
    private static let counterBits: UInt64 = 42
    private static let counterLimit: UInt64 = 1 << counterBits

    /// Version 7 has 48 bits for the milliseconds: they last until the year 10889.
    package static let lastMillisecond: UInt64 = 1 << 48 - 1

    private var milliseconds: UInt64 = 0
    private var counter: UInt64 = 0
    private var hasStarted = false

    /// Starts with no id made.
    package init() {}

    /// Makes the next id, which is greater than all that this generator made before.
    ///
    /// - Parameters:
    ///   - now: milliseconds since 1970. A time before 1970 counts as 1970, one past the format's end as its end.
    ///   - random: 128 fresh random bits, of which 73 are used.
    /// - Returns: A UUID of version 7 with the variant of RFC 9562.
    package mutating func next(now: Int64, random: UInt128) -> UUID {
        let now = min(UInt64(clamping: now), Self.lastMillisecond)
        let seed = UInt64(truncatingIfNeeded: random >> 32) & (Self.counterLimit / 2 - 1)
        if !hasStarted || now > milliseconds {
            hasStarted = true
            milliseconds = now
            counter = seed
        } else if counter + 1 < Self.counterLimit {
            counter += 1
        } else {
            // 2^41 ids at least within one millisecond: only a clock that stands still for ages comes here.
            precondition(milliseconds < Self.lastMillisecond, "no version 7 UUID is left")
            milliseconds += 1
            counter = seed
        }
        return uuid(tail: UInt32(truncatingIfNeeded: random))
    }

    private func uuid(tail: UInt32) -> UUID {
        let counterHigh = counter >> 30
        let counterLow = counter & (1 << 30 - 1)
        let high = milliseconds << 16 | 0x7000 | counterHigh
        let low = 0b10 << 62 | counterLow << 32 | UInt64(tail)
        func byte(_ word: UInt64, _ index: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: word >> (56 - 8 * index)) }
        return UUID(
            uuid: (
                byte(high, 0), byte(high, 1), byte(high, 2), byte(high, 3),
                byte(high, 4), byte(high, 5), byte(high, 6), byte(high, 7),
                byte(low, 0), byte(low, 1), byte(low, 2), byte(low, 3),
                byte(low, 4), byte(low, 5), byte(low, 6), byte(low, 7)
            )
        )
    }
}
