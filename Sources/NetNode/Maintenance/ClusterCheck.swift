import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// The check of the elected node that every node has applied its share of every network's mesh.
///
/// For each share that is behind it enqueues an ordinary operation in the worst lane, deduplicated like any other, and
/// only for nodes whose netnode is alive: one that starts applies everything by itself.
struct ClusterCheck: Sendable {
    /// The most requests of one pass; the next pass makes the rest.
    private static let atMost = 1000

    private let database: Database
    private let queue: OperationQueue
    private let logger: Logger

    init(node: NodeName, database: Database, counters: CoalescingCounters, waker: any Waker, logger: Logger) {
        self.database = database
        queue = OperationQueue(database: database, requester: node.netnode, counters: counters, waker: waker)
        self.logger = logger.component("maintenance")
    }

    /// Enqueues an operation for each share of a mesh that is behind.
    ///
    /// - Returns: The number of requests.
    @discardableResult
    func pass() async throws -> Int {
        let behind = try await database.withSession { session in
            try MeshStatements.behind(limit: Self.atMost, on: session)
        }
        for part in behind {
            _ = try await queue.enqueue(
                OperationRequest(
                    tasks: [BuiltInTask.networkEnsureMesh.name],
                    target: .init(network: part.network, node: part.node),
                    lane: .background
                )
            )
        }
        if !behind.isEmpty { logger.info("mesh operations enqueued", metadata: ["count": "\(behind.count)"]) }
        return behind.count
    }
}
