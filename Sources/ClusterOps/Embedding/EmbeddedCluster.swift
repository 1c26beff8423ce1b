import ClusterEngine
import ClusterReports
import Logging
import MariaDB
import ServiceLifecycle

/// The cluster as a program that embeds the library sees it: a queue to enqueue into and to wait at, and workers to
/// run.
///
/// Making one does nothing. Run it as a service, after the database's and before the workers': it writes down what is
/// counted of the requests.
public struct EmbeddedCluster: Service {
    /// Enqueues, cancels, retries, and waits for outcomes.
    public let queue: OperationQueue
    private let database: Database
    private let counters: CoalescingCounters
    private let waker: DoorbellWaker
    private let reports: SharedReports
    private let logger: Logger

    /// Uses a database, whose schema must be migrated and whose service somebody else runs.
    ///
    /// - Parameters:
    ///   - database: A pool on the cluster's schema.
    ///   - requester: Who asks, for the history; at most 128 characters are kept.
    ///   - logger: Told of changes of state.
    public init(database: Database, requester: String, logger: Logger) {
        self.database = database
        self.logger = logger
        counters = CoalescingCounters(database: database)
        waker = DoorbellWaker(database: database, sender: DoorbellSender(logger: logger))
        reports = SharedReports(database: database)
        queue = OperationQueue(database: database, requester: requester, counters: counters, waker: waker)
    }

    /// Writes down what is counted, once a second, until graceful shutdown.
    public func run() async throws {
        var errors = ErrorReporter("coalescing", logger: logger)
        var goesOn = true
        while goesOn {
            goesOn = await pause(for: .seconds(1)) == .elapsed
            do {
                try await counters.flush()
                errors.resolved()
            } catch {
                // Counts beside the work, never the work: those that can be are kept for the next time.
                errors.report("the counters cannot be written: \(error)")
            }
        }
    }

    /// The cluster at a glance, as `clusterctl status` shows it.
    ///
    /// For dashboards: all who ask at the same time share one statement, whose answer is of a moment after each of
    /// them has asked.
    /// - Throws: `ClusterOpsError`, with code `unreachable` when the database cannot be asked.
    public func status() async throws -> StatusView {
        try await queue.translatingErrors { try await reports.status.value() }
    }

    /// Every process that is supervised anywhere in the cluster, by node and name; shared as `status()` is.
    ///
    /// - Throws: `ClusterOpsError`, with code `unreachable` when the database cannot be asked.
    public func services() async throws -> ListView<ServiceView> {
        try await queue.translatingErrors { try await reports.services.value() }
    }

    /// Makes a worker of this process, to be run as a service after this one.
    ///
    /// - Parameters:
    ///   - settings: As which node it works, and how much at once.
    ///   - handlers: What it can run. They replace what the node has registered before: let no other worker, such as
    ///     the daemon `queueworker`, work as the same node.
    /// - Returns: A service; nothing happens before it runs.
    public func worker(_ settings: EmbeddedWorker.Settings, handlers: [any TaskHandler]) -> EmbeddedWorker {
        EmbeddedWorker(
            settings,
            handlers: handlers,
            database: database,
            counters: counters,
            waker: waker,
            logger: logger
        )
    }
}
