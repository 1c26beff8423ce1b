import ClusterModel
import ClusterStore
import MariaDB

extension OperationQueue {
    /// Does an operation again that has ended without completing: a new one, which names it.
    ///
    /// It has the same tasks, target, parameters, lane, labels and dependencies, and as much time until its deadline;
    /// attempts are counted anew, by the tasks' definitions of today. In place of a dependency that was retried itself
    /// it waits for the retry.
    /// - Parameters:
    ///   - id: The operation that ended.
    ///   - ignoringDependencies: Whether it runs without waiting for what the old one had to wait for.
    ///   - repeating: Whether it is retried although it was before.
    /// - Returns: The new operation.
    /// - Throws: `ClusterOpsError`, with code `notFound` when the operation or its target is gone, and `conflict`
    ///   when it has not ended, has completed, was retried before, or depends on one that did not complete.
    public func retry(
        _ id: OperationID,
        ignoringDependencies: Bool = false,
        repeating: Bool = false
    ) async throws -> OperationReceipt {
        let batch = try await retryBatch(
            [id],
            repeated: repeating ? [id] : [],
            ignoringDependencies: ignoringDependencies
        )
        if let refusal = batch.refused.first { throw refusal.reason }
        guard let (_, receipt) = batch.retried.first else {
            let retry = batch.earlier[id].map { ", as '\($0)'" } ?? ""
            throw ClusterOpsError(
                .conflict,
                "operation '\(id)' was retried already\(retry): retry that one if it failed, or force a second retry"
            )
        }
        return receipt
    }

    /// The outcome of one transaction.
    struct RetriedBatch: Sendable {
        /// The old operations, with the new ones.
        var retried: [(old: OperationID, receipt: OperationReceipt)] = []
        /// Operations that were retried before, with their retries.
        var earlier: [OperationID: OperationID] = [:]
        /// Operations that depend on some that are still to be retried.
        var deferred: [OperationID] = []
        /// Operations that cannot be retried, and why.
        var refused: [(id: OperationID, reason: ClusterOpsError)] = []
    }

    /// Times that a batch is planned anew because somebody retries the same operations.
    private static let mostPlans = 10

    /// Retries some operations in one transaction, which keeps their order among each other.
    ///
    /// - Parameters:
    ///   - ids: At most `selectionBatch`.
    ///   - pending: Operations that are to be retried after these.
    ///   - repeated: Those that are retried although they were before.
    ///   - ignoringDependencies: Whether the new ones wait for nothing.
    /// - Returns: What became of each.
    /// - Throws: `ClusterOpsError`; nothing was written then, unless the error is `unreachable`.
    func retryBatch(
        _ ids: [OperationID],
        pending: Set<OperationID> = [],
        repeated: Set<OperationID> = [],
        ignoringDependencies: Bool = false
    ) async throws -> RetriedBatch {
        try await translatingErrors {
            for _ in 0..<Self.mostPlans {
                let (planned, plans) = try await database.withSession { session in
                    try Self.plan(
                        ids,
                        pending: pending,
                        repeated: repeated,
                        ignoringDependencies: ignoringDependencies,
                        on: session
                    )
                }
                guard !plans.isEmpty else { return planned }
                do {
                    var batch = planned
                    let receipts = try await insert(plans)
                    batch.retried = zip(plans, receipts).compactMap { plan, receipt in
                        plan.retryOf.map { ($0, receipt) }
                    }
                    counters.requested(plans, refusal: .severalOperations)
                    return batch
                } catch is RetryRecords.RetriedMeanwhile {
                    // The next plan leaves out what the others have retried.
                }
            }
            throw RetryRecords.RetriedMeanwhile()
        }
    }

    private static func plan(
        _ ids: [OperationID],
        pending: Set<OperationID>,
        repeated: Set<OperationID>,
        ignoringDependencies: Bool,
        on session: borrowing Session
    ) throws -> (RetriedBatch, [OperationPlan]) {
        var batch = RetriedBatch()
        batch.earlier = try RetryStatements.retries(ofAll: ids.filter { !repeated.contains($0) }, on: session)
        let wanted = ids.filter { batch.earlier[$0] == nil }
        let old = try wanted.inLists { try OperationStatements.operations($0, on: session) }
        let known = Set(old.map(\.id))
        batch.refused = wanted.filter { !known.contains($0) }.map { id in
            (id, ClusterOpsError(.notFound, "there is no operation '\(id)'"))
        }
        let admission = try Admission(of: old.map(\.requestAgain), on: session)
        var unfit: [OperationID: ClusterOpsError] = [:]
        for operation in old {
            do {
                try operation.requireSameTarget(try admission.plan(operation.requestAgain))
            } catch let error as ClusterOpsError {
                unfit[operation.id] = error
            }
        }
        let decision = RetryBatch(
            old,
            unfit: unfit,
            dependencies: try dependencies(of: old, on: session),
            pending: pending,
            ignoringDependencies: ignoringDependencies
        )
        batch.deferred = decision.deferred
        batch.refused += decision.refused
        let plans = try decision.chosen.map { old, request in
            let plan = try admission.plan(request)
            return OperationPlan(retrying: old.id, as: plan, repeatsRetry: repeated.contains(old.id))
        }
        return (batch, plans)
    }

    /// Retries of retries that are followed to the last one.
    private static let longestChain = 1000

    private static func dependencies(
        of operations: [Operation],
        on session: borrowing Session
    ) throws -> RetryBatch.Dependencies {
        let all = Set(operations.flatMap { $0.dependsOn + $0.runsAfter })
        var latest = Dictionary(uniqueKeysWithValues: all.map { ($0, $0) })
        var next = all
        for _ in 0..<longestChain where !next.isEmpty {
            let retries = try RetryStatements.retries(ofAll: Array(next), on: session)
            latest = latest.mapValues { retries[$0] ?? $0 }
            next = Set(retries.values)
        }
        let states = try Set(latest.values).sorted().inLists { ids in
            try OperationStatements.states(of: ids, on: session).map { ($0, $1) }
        }
        return RetryBatch.Dependencies(
            latest: latest,
            states: Dictionary(states, uniquingKeysWith: { first, _ in first })
        )
    }
}

extension Operation {
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
