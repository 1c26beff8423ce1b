import ClusterStore
import MariaDB
import Synchronization

/// The last activity of a worker, for whoever judges whether it makes progress.
///
/// Of the lease by the clock of leases, which counts the time in suspend; of the loop by one that stands still
/// meanwhile, as the loop does.
package final class WorkPulse: Sendable {
    /// The state that was known at one moment.
    package struct Reading: Sendable, Hashable {
        /// Until when the session may act; nil while there is none.
        package var heldUntil: ContinuousClock.Instant?
        /// The moment at which the loop that claims, or that tries to begin, last went round.
        package var turnedAt: SuspendingClock.Instant
        /// The error that keeps the loop from its work; nil when there is none.
        package var error: String?
        /// The version of the schema beside this program's, as it was last seen; nil before the first look.
        package var schema: Migrator.Status?

        package init(
            heldUntil: ContinuousClock.Instant? = nil,
            turnedAt: SuspendingClock.Instant,
            error: String? = nil,
            schema: Migrator.Status? = nil
        ) {
            self.heldUntil = heldUntil
            self.turnedAt = turnedAt
            self.error = error
            self.schema = schema
        }
    }

    /// The version of the schema that this program is for.
    package static let schemaOfProgram = Migrations.migrator.latest

    private let state = Mutex(Reading(turnedAt: .now))

    package init() {}

    package var reading: Reading { state.withLock { $0 } }

    package func held(until deadline: ContinuousClock.Instant) { state.withLock { $0.heldUntil = deadline } }
    package func released() { state.withLock { $0.heldUntil = nil } }
    func sawSchema(at version: Int, floor: Int) {
        state.withLock { $0.schema = Migrations.migrator.status(at: version, floor: floor) }
    }
    func turned() { state.withLock { $0.turnedAt = .now } }
    package func failed(_ error: String) { state.withLock { $0.error = error } }
    func worked() { state.withLock { $0.error = nil } }
}
