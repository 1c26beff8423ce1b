import ClusterEngine
import ClusterModel
import ClusterReports
import Logging
import MariaDB
import ServiceLifecycle

/// A worker in the embedding program's own process: claims operations for its handlers, runs them, and records how
/// they ended.
///
/// It works under a leased session. When the process dies, or cannot reach the database for most of the lease, its
/// handlers are cancelled and others run its operations anew.
public struct EmbeddedWorker: Service {
    /// As which node a worker works, and how much at once.
    public struct Settings: Sendable {
        /// The node, which must have been added; its queues are drained, and those of all nodes.
        public var node: NodeName
        /// Operations that run at once; at least 1.
        public var slots = 4
        /// The interval at which it polls its queues when nobody rings.
        public var pollInterval = Duration.seconds(2)
        /// The time by which its session outlives its last renewal, which is tried five times in it.
        public var lease = Duration.seconds(10)
        /// The time for which running operations may go on after graceful shutdown has begun; then they are requeued.
        public var drainTimeout = Duration.seconds(30)
        /// The settings for where it is rung; by default at the node's underlay address, on any free port.
        public var doorbell = DoorbellSettings()

        /// Works as a node, with the defaults.
        public init(node: NodeName) {
            self.node = node
        }
    }

    private let worker: Worker
    private let listener: DoorbellService

    init(
        _ settings: Settings,
        handlers: [any TaskHandler],
        database: Database,
        counters: CoalescingCounters,
        waker: any Waker,
        logger: Logger
    ) {
        precondition(settings.slots >= 1, "a worker runs one operation at least")
        let (node, doorbell) = (settings.node, Doorbell())
        let listener = DoorbellService(
            settings.doorbell,
            underlay: nil,
            node: node,
            database: database,
            doorbells: [doorbell],
            logger: logger
        )
        var told = Worker.Settings(
            daemon: .queueworker,
            node: node,
            slots: settings.slots,
            pollInterval: settings.pollInterval,
            stalenessBound: ClaimPolicy.defaultStalenessBound,
            lease: SessionLease.Timing(lease: settings.lease, renew: settings.lease / 5)
        )
        told.drainTimeout = settings.drainTimeout
        let parts = Worker.Parts(
            database: database,
            handlers: handlers,
            doorbell: doorbell,
            address: { await listener.address },
            waker: waker,
            counters: counters,
            children: NoChildren(),
            logger: logger
        )
        worker = Worker(told, parts, targets: { [.node(node), .any] })
        self.listener = listener
    }

    /// Works until graceful shutdown, then finishes or hands back what runs.
    ///
    /// A database that is away, a schema of another version and a node that is not added are logged and tried again.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let listener = listener
            group.addTask { try await listener.run() }
            defer { group.cancelAll() }
            try await worker.run()
        }
    }
}
