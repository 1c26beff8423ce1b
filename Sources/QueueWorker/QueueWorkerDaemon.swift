import ChildProcess
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports
import DaemonFace
import Logging
import MariaDB
import ServiceLifecycle

/// The process `queueworker`: its face, a pool, a doorbell, a keeper of the history and a worker, in this order,
/// ended in the opposite one.
struct QueueWorkerDaemon {
    private let context: DaemonContext
    private let configuration: Configuration
    private let node: NodeName
    private let logger: Logger

    init(context: DaemonContext) {
        self.context = context
        (configuration, node, logger) = (context.configuration, context.node, context.logger)
    }

    /// Descriptors of a command that runs: its control socket, its keeper's pidfd, three streams; and as many more as
    /// it has while it starts.
    static let descriptorsOfCommand: UInt64 = 9
    /// Of the daemon at rest, of its connections to the database and of those over HTTP there are some 120.
    static let descriptorsAtRest: UInt64 = 256

    /// Refuses more slots than this process can have descriptors for: commands would fail to start under load.
    private func provideDescriptors() throws(ConfigurationError) {
        let slots = configuration.worker.slots
        let needed = Self.descriptorsAtRest + UInt64(slots) * Self.descriptorsOfCommand
        guard let limit = DescriptorLimit.allow(needed) else { return }
        let message =
            "expected no more slots than there are descriptors for: \(slots) take a limit of \(needed) open files, found a "
            + "hard limit of \(limit) (LimitNOFILE=, ulimit -Hn)"
        throw ConfigurationError(problems: [.init(source: nil, key: "worker.slots", message: message)])
    }

    /// Runs until a signal ends it.
    ///
    /// - Returns: How it ended.
    /// - Throws: `ConfigurationError` for a password that cannot be read, and for too many slots.
    func run() async throws -> Daemon.Ending {
        try provideDescriptors()
        let database = try context.database()
        let counters = CoalescingCounters(database: database)
        let doorbell = Doorbell()
        let listener = context.listener(database, for: [doorbell])
        let keeper = CommandKeeper(leaseUntil: .now)
        let running = RunningCommands()
        @Sendable func terms(_ configuration: Configuration) -> WorkTerms {
            let commands = configuration.tasks.map { name, task in
                CommandHandler(name: name, task: task, keeper: keeper, running: running)
            }
            return WorkTerms(
                handlers: [NoopHandler()] + commands,
                stalenessBound: configuration.worker.stalenessBound
            )
        }
        let workTerms = Adjustable(terms(configuration))
        let node = node
        var parts = Worker.Parts(
            database: database,
            handlers: workTerms.value.handlers,
            doorbell: doorbell,
            address: { await listener.address },
            waker: DoorbellWaker(database: database, sender: DoorbellSender(logger: logger)),
            counters: counters,
            children: keeper,
            logger: logger
        )
        parts.supervised = { running.readings }
        parts.terms = workTerms
        let registry = DaemonFace.registry(logger: logger)
        parts.metrics = WorkMetrics(factory: registry)
        let (targets, pulse): ([QueueTarget], WorkPulse) = ([.node(node), .any], parts.pulse)
        var settings = context.workerSettings(.queueworker, slots: configuration.worker.slots)
        // A command that runs is waited for as long as it may run: a stop makes no work be done again.
        let longest = configuration.tasks.values.map(\.timeout).max() ?? .zero
        settings.drainTimeout = max(settings.drainTimeout, longest + CommandHandler.grace)
        let worker = Worker(settings, parts, targets: { targets })
        let face = DaemonFace(
            .queueworker,
            context: context,
            address: configuration.http.queueworker,
            registry: registry,
            work: WorkSources(
                database: database,
                pulse: pulse,
                counters: counters,
                doorbell: listener,
                queues: { QueueName.claimOrder(targets: targets) }
            ),
            sources: [{ await DatabaseMetrics.families(worker.sessionDatabase, pool: "session") }]
        )
        let retention = Adjustable(configuration.history.retention)
        let history = HistoryKeeper(
            database: database,
            retention: retention,
            logger: logger
        )
        logger.notice("queueworker starts", metadata: ["node": "\(node)"])
        let reload = context.reload { configuration in
            retention.set(configuration.history.retention)
            workTerms.set(terms(configuration))
            doorbell.ring()
        }
        return await Daemon.run(
            services: face.services + [database, listener, history, worker],
            logger: logger,
            reactions: face.reactions(reload: reload) { keeper.killAll() }
        )
    }
}
