/// A length of time as people write it: one number with a unit, such as `250ms`, `1.5s`, `10m`, `12h`, `30d`.
///
/// Never negative, at most `longest`, and a whole number of nanoseconds. A unit is always needed, so that nobody has
/// to guess whether `10` means seconds. It prints as `Duration.text` does.
package struct DurationText: TextValue {
    /// The longest time that is accepted: 100 years of 365 days, far from every overflow and past every use.
    package static let longest = Duration.seconds(36_500 * 86_400)

    /// The length of time.
    package let duration: Duration

    /// Parses one number with `ms`, `s`, `m`, `h` or `d`.
    ///
    /// - Throws: `ValueError` for a sign, white space, no unit or an unknown one, more than nine decimals, parts of a
    ///   nanosecond, and more than `longest`.
    package init(_ text: String) throws(ValueError) {
        guard let attoseconds = Self.attoseconds(text) else {
            throw ValueError(
                "duration",
                found: text,
                expected: "one number with ms, s, m, h or d, such as 250ms or 1.5s, at most 36500d"
            )
        }
        duration = Duration(attoseconds: attoseconds)
    }

    /// The canonical text, as `Duration.text` prints it.
    package var description: String { duration.text }

    /// Orders by length.
    package static func < (left: DurationText, right: DurationText) -> Bool {
        left.duration < right.duration
    }

    private static func attoseconds(_ text: String) -> Int128? {
        let number = text.utf8.prefix { $0.isASCIIDigit || $0 == UInt8(ascii: ".") }
        guard let unit = DurationUnit(rawValue: String(text.utf8.dropFirst(number.count)) ?? "") else { return nil }

        let parts = number.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ (1...longestPart).contains($0.count) }) else {
            return nil
        }
        let decimals = parts.count == 2 ? parts[1].count : 0
        guard decimals <= mostDecimals else { return nil }

        // The whole part is held against the limit before it is multiplied, so that nothing below can overflow.
        guard let whole = Int128(String(decoding: parts[0], as: UTF8.self)),
            whole <= longest.attoseconds / unit.attoseconds
        else { return nil }
        var total = whole * unit.attoseconds
        if decimals > 0 {
            guard let fraction = Int128(String(decoding: parts[1], as: UTF8.self)) else { return nil }
            // Exact: the smallest unit is 10^15 attoseconds and there are at most nine decimals.
            let denominator = (0..<decimals).reduce(into: Int128(1)) { power, _ in power *= 10 }
            total += fraction * (unit.attoseconds / denominator)
        }
        guard total <= longest.attoseconds, total.isMultiple(of: DurationUnit.nanosecond) else { return nil }
        return total
    }

    /// Digits on either side of the point: 100 years in milliseconds have 13.
    private static let longestPart = 16

    /// Nine decimals of a second are nanoseconds.
    private static let mostDecimals = 9
}

/// The units that people may write, with what each is worth.
private enum DurationUnit: String, CaseIterable {
    case day = "d"
    case hour = "h"
    case minute = "m"
    case second = "s"
    case millisecond = "ms"

    static let nanosecond: Int128 = 1_000_000_000

    var attoseconds: Int128 {
        let second: Int128 = 1_000_000_000_000_000_000
        switch self {
        case .day: return 86_400 * second
        case .hour: return 3_600 * second
        case .minute: return 60 * second
        case .second: return second
        case .millisecond: return second / 1_000
        }
    }
}

extension Duration {
    /// One number with a unit, which `DurationText` reads back: `30d`, `90s`, `3.5s`, `250ms`, `0s`.
    ///
    /// It takes the longest unit of which the duration is a whole number; below that, seconds with decimals, or
    /// milliseconds when it is shorter than a second. What is finer than a nanosecond is cut off.
    package var text: String {
        let nanoseconds = attoseconds.magnitude / DurationUnit.nanosecond.magnitude
        guard nanoseconds > 0 else { return "0s" }

        let sign = attoseconds < 0 ? "-" : ""
        for unit in DurationUnit.allCases where unit != .millisecond {
            let (count, rest) = nanoseconds.quotientAndRemainder(dividingBy: unit.nanoseconds)
            if rest == 0 { return "\(sign)\(count)\(unit.rawValue)" }
        }
        let unit = nanoseconds > DurationUnit.second.nanoseconds ? DurationUnit.second : .millisecond
        let (count, rest) = nanoseconds.quotientAndRemainder(dividingBy: unit.nanoseconds)
        guard rest > 0 else { return "\(sign)\(count)\(unit.rawValue)" }

        // Adding the rest to one whole unit keeps its leading zeros: 1.005 s is 1_005_000_000, without its first digit.
        var decimals = String(unit.nanoseconds + rest).dropFirst()
        while decimals.last == "0" { decimals.removeLast() }
        return "\(sign)\(count).\(decimals)\(unit.rawValue)"
    }

    /// The duration in seconds, as answers in JSON and metrics give it.
    package var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}

extension DurationUnit {
    fileprivate var nanoseconds: UInt128 { attoseconds.magnitude / Self.nanosecond.magnitude }
}
