import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports
import Logging

extension TestCluster {
    /// A real worker of this process, to be run by a task of the test; it polls often.
    ///
    /// - Parameters:
    ///   - node: A node that was added.
    ///   - handlers: What it can run.
    ///   - slots: How much of it at once.
    ///   - lease: Of its session.
    ///   - renew: How often it is renewed; five times in the lease, unless the test is about it.
    ///   - pollInterval: How often it looks unasked.
    ///   - logger: Silent, unless somebody wants to look.
    ///   - waker: Nobody's, unless the test is about ringing.
    ///   - metrics: The process's, unless the test is about them.
    ///   - stalenessBound: From when on an operation counts for the reserved share of slots.
    ///   - doorbell: Nobody else's, unless the test rings it.
    /// - Returns: A worker that drains the queues of the node, of the elected node and of all.
    /// - Throws: When `node` is no name.
    package func liveWorker(
        _ node: String,
        handlers: [any TaskHandler],
        slots: Int = 4,
        lease: Duration = .seconds(10),
        renew: Duration? = nil,
        pollInterval: Duration = .milliseconds(50),
        logger: Logger = .silent,
        waker: any Waker = NoWaker(),
        metrics: WorkMetrics = WorkMetrics(),
        stalenessBound: Duration = .seconds(60),
        doorbell: Doorbell = Doorbell()
    ) throws -> Worker {
        let name = try NodeName(node)
        var parts = Worker.Parts(
            database: database,
            handlers: handlers,
            doorbell: doorbell,
            address: { nil },
            waker: waker,
            counters: counters,
            children: NoChildren(),
            logger: logger
        )
        parts.metrics = metrics
        return Worker(
            Worker.Settings(
                daemon: .queueworker,
                node: name,
                slots: slots,
                pollInterval: pollInterval,
                stalenessBound: stalenessBound,
                lease: SessionLease.Timing(lease: lease, renew: renew ?? lease / 5)
            ),
            parts,
            targets: { [.networkNode, .nodeNetwork(name), .node(name), .any] }
        )
    }

    /// Runs a body beside workers, which are cancelled when it ends.
    package func withWorkers<Result: Sendable>(
        _ workers: [Worker],
        _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in workers { group.addTask { try await worker.run() } }
            defer { group.cancelAll() }
            return try await body()
        }
    }
}
