import ClusterModel
import ClusterStore
import MariaDB

extension OperationQueue {
    /// Does an operation again that has ended without completing: a new one, which names it.
    ///
    /// It has the same tasks, target, parameters, lane and dependencies, and as much time until its deadline;
    /// attempts are counted anew, by the tasks' definitions of today.
    /// - Parameters:
    ///   - id: The operation that ended.
    ///   - ignoringDependencies: Whether it runs without waiting for what the old one had to wait for.
    /// - Returns: The new operation.
    /// - Throws: `ClusterOpsError`, with code `notFound` when the operation or its target is gone, and `conflict`
    ///   when it has not ended, has completed, or depends on one that did not complete.
    public func retry(_ id: OperationID, ignoringDependencies: Bool = false) async throws -> OperationReceipt {
        try await translatingErrors {
            let plan = try await database.withSession { session in
                guard let old = try OperationStatements.operations([id], on: session).first else {
                    throw ClusterOpsError(.notFound, "there is no operation '\(id)'")
                }
                try old.requireRetryable()
                if !ignoringDependencies { try Self.requireMetDependencies(of: old, on: session) }
                let request = old.requestAgain(withDependencies: !ignoringDependencies)
                let plan = try Admission.plans(for: [request], on: session)[0]
                try old.requireSameTarget(plan)
                return OperationPlan(retrying: id, as: plan)
            }
            let receipt = try await insert([plan])[0]
            counters.requested([plan])
            return receipt
        }
    }

    /// A dependency that did not complete would abort the new one as it did the old.
    private static func requireMetDependencies(of old: Operation, on session: borrowing Session) throws {
        let states = try OperationStatements.states(of: old.dependsOn, on: session)
        for dependency in old.dependsOn {
            guard let state = states[dependency], state.isTerminal, state != .complete else { continue }
            throw ClusterOpsError(
                .conflict,
                "operation '\(old.id)' depends on '\(dependency)', which ended \(state.rawValue), so that a retry would be "
                    + "aborted: retry that one, and this one with --ignore-dependencies once it has completed"
            )
        }
    }
}

extension Operation {
    fileprivate func requireRetryable() throws(ClusterOpsError) {
        guard state.isTerminal else {
            throw ClusterOpsError(.conflict, "operation '\(id)' has not ended: it is \(state.rawValue)")
        }
        guard state != .complete else {
            throw ClusterOpsError(
                .conflict,
                "operation '\(id)' has completed: a retry is for one that did not; enqueue the work anew"
            )
        }
    }

    /// The same content, asked for again.
    fileprivate func requestAgain(withDependencies: Bool) -> OperationRequest {
        OperationRequest(
            tasks: tasks,
            target: .init(network: network, node: node, interface: interface),
            lane: queue.lane,
            parameters: parameters,
            dependsOn: withDependencies ? dependsOn : [],
            runsAfter: withDependencies ? runsAfter : [],
            deadline: deadline.map { .microseconds($0.microseconds - enqueuedAt.microseconds) },
            allowsDedup: false
        )
    }

    /// Names are given again: another network of the name is not the one that the work was for.
    fileprivate func requireSameTarget(_ plan: OperationPlan) throws(ClusterOpsError) {
        if let network, networkID != plan.target.network?.id {
            throw ClusterOpsError(
                .notFound,
                "the network '\(network)' of operation '\(id)' was removed; another has its name"
            )
        }
        if let node, nodeID != plan.target.node?.id {
            throw ClusterOpsError(
                .notFound,
                "the node '\(node)' of operation '\(id)' was removed; another has its name"
            )
        }
    }
}
