/// Durations and instants as the C layer takes them: nanoseconds.
extension Duration {
    /// Nanoseconds, rounded towards zero; what does not fit becomes the largest or smallest value.
    var clampedNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowOfSum) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        guard overflow || overflowOfSum else { return sum }
        return seconds < 0 ? .min : .max
    }
}

extension SuspendingClock.Instant {
    /// The reading of CLOCK_MONOTONIC at this instant, because that is what `SuspendingClock` is on Linux, with its
    /// epoch at the clock's zero.
    ///
    /// A test compares them; in a time namespace with different offsets for both clocks (`unshare -T --monotonic 1000
    /// --boottime 500000`) it was seen to be this one and not CLOCK_BOOTTIME.
    var monotonicNanoseconds: Int64 {
        SuspendingClock().systemEpoch.duration(to: self).clampedNanoseconds
    }
}

extension ContinuousClock.Instant {
    /// The reading of CLOCK_BOOTTIME at this instant: `ContinuousClock` on Linux, which counts the time in suspend.
    var nanosecondsSinceBoot: Int64 {
        ContinuousClock().systemEpoch.duration(to: self).clampedNanoseconds
    }
}
