/// The time for which this process may still act under its session, on its own monotonic clock.
///
/// Pure.
///
/// The database's lease runs from its `NOW(6)` at the renewal; ours from before the renewal was sent, so ours ends
/// first, by at least the time that the renewal took on its way back. The clock counts the time in suspend: a machine
/// that wakes has lost the sessions that others have found silent meanwhile.
package struct SessionLease: Sendable, Hashable {
    /// The durations by which the lease is kept.
    package struct Timing: Sendable, Hashable {
        /// The time for which the database keeps a session that is not renewed.
        package let leaseDuration: Duration
        /// The interval at which it is renewed.
        package let renewInterval: Duration

        /// - Precondition: Three renewals fit into a lease; the configuration refuses less.
        package init(lease: Duration, renew: Duration) {
            precondition(renew > .zero && renew * 3 <= lease, "a lease takes three renewals")
            leaseDuration = lease
            renewInterval = renew
        }

        /// The time from the last renewal to the end of all work.
        ///
        /// A tenth of the lease is kept for ending it: killing process groups takes milliseconds; what is left covers
        /// two clocks of different rates.
        var untilFence: Duration { leaseDuration * 0.9 }
    }

    private let timing: Timing
    private var fence: ContinuousClock.Instant

    /// Starts a lease whose session was opened by a statement sent at `sentAt`.
    package init(_ timing: Timing, sentAt: ContinuousClock.Instant) {
        self.timing = timing
        fence = sentAt + timing.untilFence
    }

    /// The time at which all work under the session has to be over.
    package var deadline: ContinuousClock.Instant { fence }

    /// Takes note of a renewal that the database confirmed; never shortens.
    package mutating func renewed(sentAt: ContinuousClock.Instant) {
        fence = max(fence, sentAt + timing.untilFence)
    }

    /// Returns whether work must end now.
    package func isOver(at now: ContinuousClock.Instant) -> Bool { now >= fence }

    /// The pause before the next renewal is tried: short after a failure, as there may be little time.
    package func pause(afterFailure: Bool, at now: ContinuousClock.Instant) -> Duration {
        let wanted = afterFailure ? timing.renewInterval / 4 : timing.renewInterval
        return max(.zero, min(wanted, fence - now))
    }
}
