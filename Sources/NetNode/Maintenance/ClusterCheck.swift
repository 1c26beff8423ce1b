import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// The check that the elected node makes beyond its own part: that every node has done its part of every network.
///
/// It asks for what is behind by ordinary operations in the worst lane, deduplicated like everybody's, and only of
/// nodes whose netnode lives: a dead one does all by itself when it is back.
struct ClusterCheck: Sendable {
    /// Requests of one pass; the next one goes on.
    private static let atMost = 1000

    private let database: Database
    private let queue: OperationQueue
    private let logger: Logger

    init(node: NodeName, database: Database, counters: CoalescingCounters, waker: any Waker, logger: Logger) {
        self.database = database
        queue = OperationQueue(database: database, requester: "netnode \(node)", counters: counters, waker: waker)
        self.logger = logger.component("maintenance")
    }

    /// Asks every node for what it is behind with.
    ///
    /// - Returns: How many requests were made.
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
        if !behind.isEmpty { logger.info("nodes were asked for their mesh", metadata: ["count": "\(behind.count)"]) }
        return behind.count
    }
}
