import ClusterEngine
import ClusterModel
import ClusterStore
import DatabaseTime

/// The work that a node which is being drained still does.
package struct DrainProgress: Sendable {
    /// Operations that are read; a node runs as many as its daemons have slots.
    private static let mostRead = 1000
    /// Operations that are named.
    private static let mostNamed = 3

    package let node: NodeView
    /// The operations that it runs, those first that have run for longest.
    let runs: [NodeWorkStatements.Run]
    /// A Boolean value that indicates whether it is the elected network node.
    let isElected: Bool
    private let now: Timestamp

    init(node: NodeView, runs: [NodeWorkStatements.Run], isElected: Bool, now: Timestamp) {
        self.node = node
        self.runs = runs
        self.isElected = isElected
        self.now = now
    }

    /// A Boolean value that indicates whether the node does nothing more.
    package var isIdle: Bool { runs.isEmpty && !isElected }

    /// The count of what is left: one text for each step on the way.
    package var count: Int { runs.count + (isElected ? 1 : 0) }

    /// The rest in words, such as "1 operation runs: guest_migrate 0190… for 12.0 s".
    package var text: String {
        let elected = "it is the elected network node until another one is ready"
        guard !runs.isEmpty else { return isElected ? elected : "nothing runs" }
        let named = runs.prefix(Self.mostNamed).map { run in
            let dead = run.isHeld ? "" : ", whose process is dead"
            let seconds = Int(max(0, now.seconds(since: run.since)))
            return "\(run.task.map { "\($0) " } ?? "")\(run.id) for \(seconds) s\(dead)"
        }
        let rest = runs.count - named.count
        return "\(runs.count) operation\(runs.count == 1 ? " runs" : "s run"): \(named.joined(separator: ", "))"
            + (rest > 0 ? " and \(rest) more" : "") + (isElected ? "; \(elected)" : "")
    }

    /// Reads it, as it was at one moment.
    ///
    /// - Throws: `ClusterOpsError` with code `notFound` when there is no such node.
    package static func read(_ name: NodeName, on cluster: ClusterConnection) async throws -> DrainProgress {
        try await cluster.snapshot { session in
            let node = try Inventory.snapshot(of: name, on: session)
            return DrainProgress(
                node: node.view,
                runs: try NodeWorkStatements.runs(on: node.record.id, limit: mostRead, on: session),
                isElected: try LeaseStatements.leader(ElectedLease.networkNode, on: session)?.holder == name,
                now: try OperationStatements.now(on: session)
            )
        }
    }
}
