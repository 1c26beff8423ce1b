import Synchronization

/// The moment at which a loop last did its work, and the error that has kept it from its work since.
///
/// Fed by the loop's ``ErrorReporter``; its clock stands still while the machine is suspended, as leases do.
package final class Progress: Sendable {
    /// The state that was known at one moment.
    package struct Reading: Sendable, Hashable {
        /// The moment at which it last succeeded, or nil when it never has.
        package var madeAt: SuspendingClock.Instant?
        /// The error that has occurred since.
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
