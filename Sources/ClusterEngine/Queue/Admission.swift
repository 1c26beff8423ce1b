import ClusterModel
import ClusterStore
import MariaDB

/// Looks up what a request names, and plans it: the reads before the pure checks of `OperationPlan`.
package struct Admission {
    private let definitions: [TaskName: TaskDefinition]
    private let found: AdmissionStatements.Found

    /// Plans requests, in order; nothing is written or locked.
    ///
    /// - Throws: `ClusterOpsError` naming the first thing that is unknown or does not fit.
    static func plans(for requests: [OperationRequest], on session: borrowing Session) throws -> [OperationPlan] {
        let admission = try Admission(of: requests, on: session)
        return try requests.map(admission.plan)
    }

    /// Reads what some requests name, in one statement for up to a thousand of them; none for a built-in task without
    /// a target.
    init(of requests: [OperationRequest], on session: borrowing Session) throws {
        var definitions = Dictionary(uniqueKeysWithValues: BuiltInTask.allCases.map { ($0.name, $0.definition) })
        let targets = Set(requests.map(\.target))
        let names = AdmissionStatements.Names(
            tasks: Set(requests.flatMap(\.tasks)).subtracting(definitions.keys).sorted(),
            networks: Set(targets.compactMap(\.network)).sorted(),
            nodes: Set(targets.compactMap(\.node)).sorted(),
            interfaces: Set(targets.compactMap(\.interface)).sorted()
        )
        found = try AdmissionStatements.found(names, on: session)
        for (name, variants) in Dictionary(grouping: found.definitions, by: \.name) {
            definitions[name] = Self.agreement(of: variants)
        }
        self.definitions = definitions
    }

    /// Plans one request, which is among those whose names were read.
    ///
    /// - Throws: `ClusterOpsError` naming what is unknown or does not fit.
    func plan(_ request: OperationRequest) throws -> OperationPlan {
        try OperationPlan(request, definitions: definitions, target: try resolve(request.target))
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

    private func resolve(_ target: OperationRequest.Target) throws -> OperationPlan.ResolvedTarget {
        var resolved = OperationPlan.ResolvedTarget()
        if let name = target.network {
            guard let id = found.networks[name] else {
                throw ClusterOpsError(.notFound, "there is no network '\(name)'")
            }
            resolved.network = (id, name)
        }
        if let name = target.node {
            guard let id = found.nodes[name] else { throw ClusterOpsError(.notFound, "there is no node '\(name)'") }
            resolved.node = (id, name)
        }
        if let id = target.interface {
            guard found.interfaces.contains(id) else {
                throw ClusterOpsError(.notFound, "there is no interface '\(id)'")
            }
            resolved.interface = id
        }
        return resolved
    }
}
