import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// The check of the elected node that every node has applied its share of every network's mesh.
///
/// It marks the networks that have converged, so that neither its next pass nor `status` judges them again. For each
/// share that is behind it enqueues an ordinary operation in the worst lane, deduplicated like any other, and
/// only for nodes whose netnode is alive: one that starts applies everything by itself.
struct ClusterCheck: Sendable {
    /// The most requests of one pass; the next pass makes the rest.
    private static let atMost = 1000
    /// The networks that are marked in one transaction: their rows are locked for some 10 ms, which a change of one of
    /// them waits for.
    private static let markedTogether = 200

    private let database: Database
    private let queue: OperationQueue
    private let logger: Logger

    init(node: NodeName, database: Database, counters: CoalescingCounters, waker: any Waker, logger: Logger) {
        self.database = database
        queue = OperationQueue(database: database, requester: node.netnode, counters: counters, waker: waker)
        self.logger = logger.component("maintenance")
    }

    /// Marks what has converged, and enqueues an operation for each share of a mesh that is behind.
    ///
    /// - Returns: The number of requests.
    @discardableResult
    func pass() async throws -> Int {
        try await mark { try ConvergenceStatements.meshed(limit: Self.markedTogether, on: $0) }
        try await mark { try ConvergenceStatements.served(limit: Self.markedTogether, on: $0) }
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
    /// Marks the networks that a read finds, until it finds no more.
    private func mark(
        _ read: @escaping @Sendable (borrowing Session) throws -> [ConvergenceStatements.Reached]
    ) async throws {
        var reached: [ConvergenceStatements.Reached]
        repeat {
            reached = try await database.withSession(read)
            guard !reached.isEmpty else { return }
            try await database.withTransaction { [reached] in try ConvergenceStatements.mark(reached, in: $0) }
        } while reached.count == Self.markedTogether
    }
}
