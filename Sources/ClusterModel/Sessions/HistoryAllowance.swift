import DatabaseTime

/// The amount of history that may be forgotten in the hour that has begun, by all processes together; an audit event
/// counts as an operation.
///
/// Pure. It is for the case that two clocks are wrong together: then somebody has hours to see it.
package struct HistoryAllowance: Sendable, Hashable {
    /// The share of history that may go in an hour.
    ///
    /// A retention that was cut from a month to a day is reached in two days.
    private static let share = 1.0 / 12

    /// The multiple of the rate at which operations end, on the average of the retention, that may go in an hour at
    /// least: with a retention of some hours the share alone would not keep up.
    private static let timesTheRate = 2.0

    private static let hour: Duration = .seconds(3600)

    package let beganAt: Timestamp
    package var operations: Int

    package init(beganAt: Timestamp, operations: Int) {
        self.beganAt = beganAt
        self.operations = operations
    }

    /// The allowance of an hour that begins, out of as many operations as history holds.
    package init(of size: Int, retention: Duration, at now: Timestamp) {
        let share = min(1, max(Self.share, Self.timesTheRate * (Self.hour / retention)))
        self.init(beganAt: now, operations: Int((Double(size) * share).rounded(.up)))
    }

    /// Returns whether its hour has begun and is not over; one that began later than now began by another clock.
    package func isCurrent(at now: Timestamp) -> Bool {
        (0..<Self.hour.wholeMicroseconds).contains(now.microseconds - beganAt.microseconds)
    }
}
