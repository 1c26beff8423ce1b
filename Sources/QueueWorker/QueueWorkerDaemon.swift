import ChildProcess
import ClusterOps
import Logging
import MariaDB
import ServiceLifecycle

/// The process `queueworker`: a pool, a doorbell, a keeper of the history and a worker, in this order, ended in the opposite one.
struct QueueWorkerDaemon {
    let configuration: Configuration
    let node: NodeName
    let logger: Logger

    /// Runs until a signal ends it.
    ///
    /// - Returns: How it ended.
    /// - Throws: `ConfigurationError` for a password that cannot be read.
    func run() async throws -> Daemon.Ending {
        let database = Database(
            try configuration.databaseConnection(),
            pool: configuration.pool(slots: configuration.worker.slots),
            logger: logger
        )
        let evidence = Evidence(database: database)
        let doorbell = Doorbell()
        let listener = DoorbellService(
            configuration,
            node: node,
            database: database,
            doorbells: [doorbell],
            logger: logger
        )
        let keeper = CommandKeeper(leaseUntil: .now)
        let running = RunningCommands()
        let handlers: [any TaskHandler] =
            [NoopHandler()]
            + configuration.tasks.map { CommandHandler(name: $0.key, task: $0.value, keeper: keeper, running: running) }
        let node = node
        var parts = Worker.Parts(
            database: database,
            handlers: handlers,
            doorbell: doorbell,
            address: { await listener.address },
            waker: DoorbellWaker(database: database, sender: DoorbellSender(logger: logger)),
            evidence: evidence,
            children: keeper,
            logger: logger
        )
        parts.supervised = { running.readings }
        let worker = Worker(
            Worker.Settings(
                daemon: .queueworker,
                node: node,
                slots: configuration.worker.slots,
                pollInterval: configuration.worker.pollInterval,
                stalenessBound: configuration.worker.stalenessBound,
                lease: SessionLease.Timing(lease: configuration.session.lease, renew: configuration.session.renew)
            ),
            parts,
            targets: { [.node(node), .any] }
        )
        let history = HistoryKeeper(
            database: database,
            retention: configuration.history.retention,
            logger: logger
        )
        logger.notice("queueworker starts", metadata: ["node": "\(node)"])
        return await Daemon.run(services: [database, listener, history, worker], logger: logger) { keeper.killAll() }
    }
}
