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

    /// The time since a moment, in whole seconds or more, by this machine's clock: it says enough in lists.
    static func age(of moment: Timestamp) -> String {
        let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        let seconds = max(0, now.seconds(since: moment))
        return seconds < 99.5 ? "\(Int(seconds.rounded()))s" : text(seconds)
    }
}
