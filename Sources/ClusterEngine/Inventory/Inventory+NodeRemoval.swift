import ClusterModel
import ClusterStore
import MariaDB

/// The outcome of the removal of a node.
package struct NodeRemoval: Sendable {
    /// The node as it was, with the operations that tell the others.
    package let node: Changed<NodeSnapshot>
    /// Operations for it that were ended, with what depended on them.
    package let aborted: Int
}

extension Inventory {
    /// Removes a node that hosts nothing and runs nothing, with what waits for it.
    ///
    /// What waits for it is ended by the node's id: another node of its name is not the one that it was meant for.
    /// Mesh operations, which only apply wanted state on the node, go with it without asking. One transaction ends a
    /// bounded number; until the last one, the node stays, so that a removal that was interrupted is repeated.
    /// - Parameters:
    ///   - name: The node.
    ///   - abortingOperations: Whether commands that wait for it are ended, instead of keeping it.
    /// - Returns: The node as it was.
    /// - Throws: `ClusterOpsError` with code `conflict` while interfaces or live sessions are on it, commands wait
    ///   for it that are not to be ended, or a worker runs one.
    package func removeNode(_ name: NodeName, abortingOperations: Bool = false) async throws -> NodeRemoval {
        var aborted = 0
        while true {
            try Task.checkCancellation()
            let step = try await cluster.write { transaction in
                try removalStep(name, abortingOperations: abortingOperations, in: transaction)
            }
            aborted += step.effects.ended.count
            await cluster.queue.announce(step.effects)
            guard let change = step.change else { continue }
            await cluster.queue.committed(change.enqueued)
            let view = Changed(change.object, operations: change.enqueued.receipts.map(\.uuid))
            return NodeRemoval(node: view, aborted: aborted)
        }
    }

    private struct RemovalStep: Sendable {
        let effects: Ending.Effects
        /// Nil while more waits for the node.
        let change: Change<NodeSnapshot>?
    }

    private func removalStep(
        _ name: NodeName,
        abortingOperations: Bool,
        in transaction: borrowing Transaction
    ) throws -> RemovalStep {
        // Networks are locked before nodes, so what the node is has to be known before it is locked.
        let seen = try NodeStatements.nodes(name, on: transaction.session).first
        let isNetworkNode = seen?.roles.contains(.network) == true
        let networks = isNetworkNode ? try NetworkStatements.lockAll(in: transaction) : []
        // From here on nothing is enqueued for it: who enqueues holds the node.
        guard let node = try NodeStatements.lock(name, in: transaction), node.id == seen?.id else {
            throw Self.unknownNode(name)
        }
        guard node.roles.contains(.network) == isNetworkNode else {
            throw ClusterOpsError(.conflict, "the roles of node '\(name)' have just been changed: try again")
        }
        try Self.refuseUse(of: node, in: transaction)
        if !abortingOperations { try Self.refuseCommands(of: node, in: transaction) }
        let limit = Cascade.mostAtOnce
        let work = try NodeWorkStatements.lock(of: node.id, named: name, limit: limit, in: transaction)
        if let held = work.first(where: \.isHeld) {
            throw ClusterOpsError(
                .conflict,
                "operation '\(held.id)' still runs on node '\(name)', or its worker has just died: wait for its end, which "
                    + "takes a lease at most once the worker is gone"
            )
        }
        let outcome = OperationOutcome.aborted(.nodeRemoved(name))
        let ending = try Ending.affordable(work.map(\.id), in: transaction)
        let effects = try Ending.endWaiting(ending.map { ($0, outcome) }, in: transaction)
        guard ending.count < limit,
            try NodeWorkStatements.lock(of: node.id, named: name, limit: 1, in: transaction).isEmpty
        else { return RemovalStep(effects: effects, change: nil) }
        let object = try Self.snapshot(of: name, in: transaction)
        try NodeStatements.delete(node.id, in: transaction)
        let enqueued = try everywhere(networks, in: transaction)
        let audited = AuditedChange(.nodeRemoved, object.record)
        try cluster.audit(audited, in: transaction)
        return RemovalStep(effects: effects, change: Change(object, audited: audited, enqueued: enqueued))
    }

    private static func refuseUse(of node: NodeRecord, in transaction: borrowing Transaction) throws {
        try refuseInterfaces(of: node, "remove them first", in: transaction)
        if let session = try NodeStatements.liveSessions(of: node.id, on: transaction.session).first {
            throw ClusterOpsError(
                .conflict,
                "\(session.daemon) still runs on node '\(node.name)' with pid \(session.pid): stop it first"
            )
        }
    }

    /// Operations that a refusal names; the first few are enough to look at.
    private static let mostNamed = 3

    private static func refuseCommands(of node: NodeRecord, in transaction: borrowing Transaction) throws {
        let counts = try NodeWorkStatements.counts(of: node.id, named: node.name, on: transaction.session)
        let commands = counts.filter { $0.kind == .command }
        guard !commands.isEmpty else { return }
        let examples = try NodeWorkStatements.someCommands(
            of: node.id,
            named: node.name,
            limit: mostNamed,
            on: transaction.session
        )
        let all = commands.reduce(0) { $0 + $1.count }
        let isCapped = counts.reduce(0) { $0 + $1.count } >= NodeWorkStatements.mostCounted
        let states = commands.map { "\($0.count) \($0.state.rawValue)" }.joined(separator: ", ")
        throw ClusterOpsError(
            .conflict,
            "\(all)\(isCapped ? " or more" : "") operation\(all == 1 ? " is" : "s are") for node '\(node.name)' (\(states)), such as "
                + "\(examples.map(\.description).joined(separator: ", ")): let them end, cancel them, or end them with the "
                + "node by --abort-operations"
        )
    }
}
