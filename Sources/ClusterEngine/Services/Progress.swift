import Synchronization

/// When a loop last did what it is there for, and what keeps it from it since.
///
/// Fed by the loop's ``ErrorReporter``; its clock stands still while the machine is suspended, as leases do.
package final class Progress: Sendable {
    /// What was known at one moment.
    package struct Reading: Sendable, Hashable {
        /// When it last succeeded, or nil when it never has.
        package var madeAt: SuspendingClock.Instant?
        /// What went wrong since.
        package var error: String?

        package init(madeAt: SuspendingClock.Instant? = nil, error: String? = nil) {
            self.madeAt = madeAt
            self.error = error
        }
    }

    private let state = Mutex(Reading())

    package init() {}

    package var reading: Reading { state.withLock { $0 } }

    package func made() { state.withLock { $0 = Reading(madeAt: .now) } }
    package func failed(_ error: String) { state.withLock { $0.error = error } }
}
