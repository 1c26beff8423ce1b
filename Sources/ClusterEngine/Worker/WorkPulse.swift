import ClusterModel
import ClusterStore
import MariaDB
import Synchronization

/// The last activity of a worker, for whoever judges whether it makes progress, and the node as its looks have shown it.
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
        /// The node as the session has last seen it; nil before its first look, and once the node is gone.
        var standing: NodeStanding?

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

    /// Returns the node as the session has last seen it, if that is not too long ago to go by.
    package func standing(at now: ContinuousClock.Instant) -> NodeStanding? {
        reading.standing.flatMap { now < $0.expiresAt ? $0 : nil }
    }

    package func held(until deadline: ContinuousClock.Instant) { state.withLock { $0.heldUntil = deadline } }
    package func released() { state.withLock { $0.heldUntil = nil } }
    func sawSchema(at version: Int, floor: Int) {
        state.withLock { $0.schema = Migrations.migrator.status(at: version, floor: floor) }
    }
    func sawNode(_ standing: NodeStanding?) { state.withLock { $0.standing = standing } }
    func turned() { state.withLock { $0.turnedAt = .now } }
    package func failed(_ error: String) { state.withLock { $0.error = error } }
    func worked() { state.withLock { $0.error = nil } }
}
