import ClusterModel
import ClusterStore
import MariaDB

/// Looks up what a request names, and plans it: the reads before the pure checks of `OperationPlan`.
package struct Admission {
    private var definitions: [TaskName: TaskDefinition] = [:]
    private var networks: [NetworkName: NetworkID] = [:]
    private var nodes: [NodeName: NodeID] = [:]

    /// Plans requests, in order; nothing is written or locked.
    ///
    /// - Throws: `ClusterOpsError` naming the first thing that is unknown or does not fit.
    static func plans(for requests: [OperationRequest], on session: borrowing Session) throws -> [OperationPlan] {
        var admission = try Admission(of: Set(requests.flatMap(\.tasks)), on: session)
        return try requests.map { try admission.plan($0, on: session) }
    }

    /// Reads the definitions of some tasks.
    init(of tasks: Set<TaskName>, on session: borrowing Session) throws {
        try readDefinitions(tasks, on: session)
    }

    /// Plans one request, whose tasks are among those whose definitions were read.
    ///
    /// - Throws: `ClusterOpsError` naming what is unknown or does not fit.
    mutating func plan(_ request: OperationRequest, on session: borrowing Session) throws -> OperationPlan {
        let target = try resolve(request.target, on: session)
        return try OperationPlan(request, definitions: definitions, target: target)
    }

    /// A node that a request names was removed since the request was planned.
    struct NodeGone: Error {
        let name: NodeName
    }

    /// Keeps everybody from removing the nodes of some plans until COMMIT: a removal sees what is inserted here, or
    /// this sees the removal.
    ///
    /// - Throws: ``NodeGone``.
    static func holdNodes(of plans: [OperationPlan], in transaction: borrowing Transaction) throws {
        let nodes = plans.compactMap(\.target.node)
        guard !nodes.isEmpty else { return }
        let held = try NodeWorkStatements.hold(Array(Set(nodes.map(\.id))), in: transaction)
        if let gone = nodes.first(where: { !held.contains($0.id) }) { throw NodeGone(name: gone.name) }
    }

    private mutating func readDefinitions(_ names: Set<TaskName>, on session: borrowing Session) throws {
        let builtIn = BuiltInTask.allCases.map(\.definition)
        definitions = Dictionary(builtIn.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let others = names.filter { definitions[$0] == nil }.sorted()
        let registrations = try TaskStatements.registrations(others, on: session)
        for (name, variants) in Dictionary(grouping: registrations, by: \.name) {
            definitions[name] = Self.agreement(of: variants)
        }
    }

    /// One definition for a name that nodes define differently: the most careful of them.
    ///
    /// Coalescible only if all say so, and the fewest attempts; `doctor` and the workers' logs show the conflict.
    package static func agreement(of variants: [TaskDefinition]) -> TaskDefinition {
        let first = variants[0]
        return TaskDefinition(
            name: first.name,
            kind: first.kind,
            isCoalescible: variants.allSatisfy(\.isCoalescible),
            maximumAttempts: variants.map(\.maximumAttempts).min() ?? first.maximumAttempts,
            timeout: variants.map(\.timeout).min() ?? first.timeout
        )
    }

    private mutating func resolve(
        _ target: OperationRequest.Target,
        on session: borrowing Session
    ) throws -> OperationPlan.ResolvedTarget {
        var resolved = OperationPlan.ResolvedTarget()
        if let name = target.network {
            guard let id = try networks[name] ?? TopologyStatements.networkID(name, on: session) else {
                throw ClusterOpsError(.notFound, "there is no network '\(name)'")
            }
            networks[name] = id
            resolved.network = (id, name)
        }
        if let name = target.node {
            guard let id = try nodes[name] ?? TopologyStatements.nodeID(name, on: session) else {
                throw ClusterOpsError(.notFound, "there is no node '\(name)'")
            }
            nodes[name] = id
            resolved.node = (id, name)
        }
        if let id = target.interface {
            guard try TopologyStatements.interfaceExists(id, on: session) else {
                throw ClusterOpsError(.notFound, "there is no interface '\(id)'")
            }
            resolved.interface = id
        }
        return resolved
    }
}
