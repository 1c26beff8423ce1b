import DatabaseTime
import Foundation

/// A length of time in at most six characters.
enum ShortTime {
    static func text(_ seconds: Double) -> String {
        let seconds = max(0, seconds)
        switch seconds {
        case ..<0.9995: return "\(Int((seconds * 1000).rounded()))ms"
        case ..<99.95: return "\((seconds * 10).rounded() / 10)s"
        case ..<6000: return "\(Int(seconds / 60))m"
        case ..<360_000: return "\(Int(seconds / 3600))h"
        default: return "\(min(99_999, Int(seconds / 86_400)))d"
        }
    }

    /// The time by this machine's clock.
    static var now: Timestamp { Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)) }

    /// The time since a moment, in whole seconds or more, by this machine's clock: it says enough in lists.
    static func age(of moment: Timestamp) -> String {
        let seconds = max(0, now.seconds(since: moment))
        return seconds < 99.5 ? "\(Int(seconds.rounded()))s" : text(seconds)
    }

    /// Shortens a moment that is written out, to the second; nil for any other text.
    ///
    /// Today's has no date, this year's no year, and an older one no time of day.
    static func clock(_ text: String, now: Timestamp) -> String? {
        guard Timestamp(text) != nil else { return nil }
        let (date, time) = (text.prefix(10), text.dropFirst(11).prefix(8))
        let today = "\(now)".prefix(10)
        if date == today { return String(time) }
        return date.prefix(4) == today.prefix(4) ? "\(date.dropFirst(5)) \(time)" : String(date)
    }
}
