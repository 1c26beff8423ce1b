import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterOps
import ClusterOpsTestKit
import ClusterReports
import MariaDB
import ServiceLifecycle
import Synchronization

/// Real workers of this process, rung by datagrams like all others.
struct Floor {
    let cluster: TestCluster
    let handlers: [any TaskHandler]
    var workers = 2
    /// Whether they drain what netnode does, or what queueworker does.
    var daemon = DaemonName.queueworker
    var slots = 16

    /// Runs a body beside the workers, once all have opened their sessions.
    func run<Result: Sendable>(_ body: @Sendable (OperationQueue) async throws -> Result) async throws -> Result {
        let waker = DoorbellWaker(database: cluster.database, sender: DoorbellSender(logger: .silent))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            for number in 1...workers {
                let name = "h\(number)"
                try await cluster.addNode(name)
                let doorbell = Doorbell()
                let listener = DoorbellListener(
                    Configuration().doorbell,
                    underlay: IPv4Address(rawValue: 0x7f00_0001),
                    doorbells: [doorbell],
                    logger: .silent
                )
                let address = try await listener.bind()
                let worker = try worker(NodeName(name), doorbell, address, waker)
                group.addTask { try await listener.run() }
                group.addTask { try await worker.run() }
            }
            try await eventually("all sessions are open") {
                try await cluster.count("SELECT COUNT(*) FROM sessions WHERE renewals > 0") == workers
            }
            return try await body(
                OperationQueue(
                    database: cluster.database,
                    requester: "bench",
                    counters: cluster.counters,
                    waker: waker
                )
            )
        }
    }

    private func worker(_ node: NodeName, _ doorbell: Doorbell, _ address: HostPort, _ waker: any Waker) -> Worker {
        let daemon = daemon
        return Worker(
            Worker.Settings(
                daemon: daemon,
                node: node,
                slots: slots,
                pollInterval: .seconds(2),
                stalenessBound: .seconds(60),
                lease: SessionLease.Timing(lease: .seconds(10), renew: .seconds(2))
            ),
            Worker.Parts(
                database: cluster.database,
                handlers: handlers,
                doorbell: doorbell,
                address: { address },
                waker: waker,
                counters: cluster.counters,
                children: NoChildren(),
                logger: .silent
            ),
            targets: { daemon == .netnode ? [.networkNode, .nodeNetwork(node)] : [.node(node), .any] }
        )
    }
}

/// A handler that calls back when an operation starts, and takes as long as the call.
struct CallingHandler: TaskHandler {
    let definition: TaskDefinition
    let body: @Sendable (Operation) async -> Void

    func run(_ attempt: Attempt) async -> TaskOutcome {
        await body(attempt.operation)
        return .done(result: nil)
    }
}

extension TestCluster {
    /// Waits until nothing is left to do.
    func untilEmpty(within limit: Duration = .seconds(300)) async throws {
        try await eventually("all operations have ended", within: limit) {
            try await count("SELECT COUNT(*) FROM (SELECT 1 FROM work_queue LIMIT 1) AS rest") == 0
        }
    }
}
