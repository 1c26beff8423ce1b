import Foundation

/// Waits in classes that grow with them; pure.
///
/// A quantile is off by the same share whether it is a millisecond or a day.
package struct WaitHistogram: Sendable {
    /// Classes for each doubling: a class is 2.2 % wide, its middle at most 1.1 % off.
    package static let classesPerDoubling = 32

    package private(set) var count = 0
    private var counts: [Int: Int] = [:]
    private var longest: Int64 = 0

    package init() {}

    /// Adds waits of one class; `longest` is the longest of them, in microseconds.
    package mutating func add(_ number: Int, of waitClass: Int, longest: Int64) {
        count += number
        counts[waitClass, default: 0] += number
        self.longest = max(self.longest, longest)
    }

    /// The wait in seconds that a share of all does not exceed; nil when there is none.
    package func quantile(_ share: Double) -> Double? {
        guard count > 0 else { return nil }
        var left = max(1, Int((share * Double(count)).rounded(.up)))
        for (waitClass, number) in counts.sorted(by: { $0.key < $1.key }) {
            left -= number
            if left <= 0 { return min(Self.middle(of: waitClass), Double(longest)) / 1_000_000 }
        }
        return Double(longest) / 1_000_000
    }

    /// The longest wait in seconds; nil when nothing was counted.
    package var longestSeconds: Double? { count > 0 ? Double(longest) / 1_000_000 : nil }

    /// Class `FLOOR(LOG2(microseconds + 1) × 32)`, as the statement has it.
    private static func middle(of waitClass: Int) -> Double {
        max(0, exp2((Double(waitClass) + 0.5) / Double(classesPerDoubling)) - 1)
    }
}
