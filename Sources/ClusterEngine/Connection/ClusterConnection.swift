import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// The cluster as a command sees it: its database, checked to be of this program's version, and the queue.
///
/// Errors of the database come out as `ClusterOpsError`.
package struct ClusterConnection: Sendable {
    /// A command does one thing at a time; the second is for reading while a transaction is open.
    package static let standardConnections = 2

    package let queue: OperationQueue
    package let database: Database
    private let counters: CoalescingCounters
    package let logger: Logger
    /// Nil for a command that ends with the first question to which there is no answer.
    package private(set) var patience: OutagePatience?

    /// Prepares a connection; nothing is connected before the first use.
    ///
    /// - Parameters:
    ///   - configuration: How to reach the database.
    ///   - requester: Who asks, for the history.
    ///   - logger: Takes what the database's pool and the migrations have to say.
    ///   - connections: How many may be open at once.
    package init(
        _ configuration: ConnectionConfiguration,
        requester: String,
        logger: Logger,
        connections: Int = standardConnections
    ) {
        var pool = Database.PoolConfiguration()
        pool.maximumConnections = connections
        let database = Database(configuration, pool: pool, logger: logger)
        let waker = DoorbellWaker(database: database, sender: DoorbellSender(logger: logger))
        self.init(database: database, requester: requester, waker: waker, logger: logger)
    }

    /// Uses a pool that somebody else closes.
    package init(database: Database, requester: String, waker: any Waker, logger: Logger) {
        self.logger = logger
        self.database = database
        counters = CoalescingCounters(database: database)
        queue = OperationQueue(database: database, requester: requester, counters: counters, waker: waker)
    }

    /// Refuses a schema that this program does not work with: older than it, or above whose compatibility floor it is
    /// not.
    package func requireMigrated() async throws {
        let status = try await read { try Migrations.migrator.status(on: $0) }
        if status.isTooNew {
            throw ClusterOpsError(.notMigrated, "\(Migrator.Refusal.databaseIsNewer(status))")
        }
        guard status.isMigrated else {
            throw ClusterOpsError(
                .notMigrated,
                "the database is at version \(status.version), this program needs \(status.binaryVersion): "
                    + "run 'clusterctl db migrate'"
            )
        }
    }

    /// Makes a connection whose reads outlast outages of the database.
    ///
    /// - Parameter patience: Shared by all that one command asks.
    /// - Returns: The same connection, with patience.
    package func patient(_ patience: OutagePatience) -> ClusterConnection {
        var patient = self
        patient.patience = patience
        return patient
    }

    /// Asks, and where the connection is patient asks again after an outage.
    package func patiently<Answer>(_ question: () async throws -> Answer) async throws -> Answer {
        guard let patience else { return try await question() }
        var impatient = self
        impatient.patience = nil
        return try await patience.ask(question) { [impatient] in try await impatient.requireMigrated() }
    }

    /// Writes down what has been counted of this process's requests.
    package func flushCounters() async throws {
        try await Self.translatingErrors { try await counters.flush() }
    }

    /// Closes what was opened.
    package func close() async {
        await database.close()
    }

    /// Reads, or writes what commits statement by statement; on a patient connection what does no harm twice.
    package func read<Result: Sendable>(_ body: @Sendable (borrowing Session) throws -> Result) async throws -> Result {
        try await patiently { try await Self.translatingErrors { try await database.withSession(body) } }
    }

    /// Reads with several statements what was true at one moment.
    package func snapshot<Result: Sendable>(
        _ body: @Sendable (borrowing Session) throws -> Result
    ) async throws -> Result {
        try await patiently { try await Self.translatingErrors { try await database.withSnapshot(body) } }
    }

    /// Runs a transaction, and begins it again as `Database.withTransaction` does.
    package func write<Result: Sendable>(
        _ body: @Sendable (borrowing Transaction) throws -> Result
    ) async throws -> Result {
        try await Self.translatingErrors { try await database.withTransaction(body) }
    }

    /// Writes a change down in the audit trail, as made by this connection's requester.
    package func audit(_ change: AuditedChange, in transaction: borrowing Transaction) throws(DatabaseError) {
        try AuditStatements.record(change, requester: queue.requester, in: transaction)
    }

    package static func translatingErrors<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as DatabaseError {
            throw ClusterOpsError(error)
        } catch let refusal as Migrator.Refusal {
            throw ClusterOpsError(.notMigrated, "\(refusal)")
        }
    }
}
