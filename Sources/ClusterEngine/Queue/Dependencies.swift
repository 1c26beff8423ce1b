import ClusterModel
import ClusterStore
import MariaDB

/// The edges of a set of operations that are enqueued together.
struct Dependencies {
    private let plans: [OperationPlan]
    private let ids: Set<OperationID>

    init(_ plans: [OperationPlan]) {
        self.plans = plans
        ids = Set(plans.map(\.id))
    }

    /// Refuses operations that wait for each other in a circle, naming them.
    ///
    /// Edges to operations outside of the set
    /// cannot close one: those exist already and never get new dependencies.
    func refuseCycles() throws(ClusterOpsError) {
        guard ids.count == plans.count else {
            throw ClusterOpsError(.invalid, "two of the operations have the same id")
        }
        var unmet: [OperationID: Int] = [:]
        var dependents: [OperationID: [OperationID]] = [:]
        for plan in plans {
            let inside = (plan.dependsOn + plan.runsAfter).filter(ids.contains)
            unmet[plan.id] = inside.count
            for dependency in inside { dependents[dependency, default: []].append(plan.id) }
        }
        var ready = plans.map(\.id).filter { unmet[$0] == 0 }
        var ordered = 0
        while let id = ready.popLast() {
            ordered += 1
            for dependent in dependents[id] ?? [] {
                unmet[dependent, default: 0] -= 1
                if unmet[dependent] == 0 { ready.append(dependent) }
            }
        }
        if ordered < plans.count {
            let stuck = plans.filter { unmet[$0.id, default: 0] > 0 }.map(\.id.description).prefix(5)
            throw ClusterOpsError(
                .invalid,
                "the operations wait for each other in a circle: \(stuck.joined(separator: ", "))"
            )
        }
    }

    /// Locks the dependencies outside of the set so that none can end before COMMIT, and tells those that ended apart.
    ///
    /// - Throws: `ClusterOpsError` with code `notFound` for an id that is nowhere.
    func lock(in transaction: borrowing Transaction) throws -> UnmetDependencies {
        let outside = Set(plans.flatMap { $0.dependsOn + $0.runsAfter }).subtracting(ids)
        let live = try EnqueueStatements.lockLive(Array(outside), in: transaction)
        // Live first, then history: one that ended in between is in history by now.
        let ended = try EnqueueStatements.finishedStates(
            of: Array(outside.subtracting(live)),
            on: transaction.session
        )
        if let unknown = outside.first(where: { !live.contains($0) && ended[$0] == nil }) {
            throw ClusterOpsError(.notFound, "there is no operation \(unknown) to wait for")
        }
        let impossible = impossible(ended)
        return UnmetDependencies(live: live.union(ids).subtracting(impossible.keys), impossible: impossible)
    }

    /// The operations that can never run, with the first reason: what they depend on has ended without completing, or
    /// is itself one of them.
    private func impossible(_ ended: [OperationID: OperationState]) -> [OperationID: AbortReason] {
        var reasons: [OperationID: AbortReason] = [:]
        var dependents: [OperationID: [OperationID]] = [:]
        for plan in plans {
            for id in plan.dependsOn where ids.contains(id) { dependents[id, default: []].append(plan.id) }
            for id in plan.dependsOn where reasons[plan.id] == nil {
                guard let state = ended[id], state != .complete else { continue }
                reasons[plan.id] = .dependencyEnded(id, state)
            }
        }
        var next = plans.map(\.id).filter { reasons[$0] != nil }
        while let id = next.popLast() {
            for dependent in dependents[id] ?? [] where reasons[dependent] == nil {
                reasons[dependent] = .dependencyEnded(id, .aborted)
                next.append(dependent)
            }
        }
        return reasons
    }
}

/// The operations that a set of operations has to wait for, as they stand under the locks of the enqueuing transaction.
struct UnmetDependencies {
    /// The operations that have not ended, of the set and outside of it.
    fileprivate let live: Set<OperationID>
    /// Those of the set that end at once.
    fileprivate let impossible: [OperationID: AbortReason]

    /// Returns the number of dependencies that hold the operation back.
    private func count(_ plan: OperationPlan) -> Int {
        plan.dependsOn.count(where: live.contains) + plan.runsAfter.count(where: live.contains)
    }

    func state(of plan: OperationPlan) -> OperationState {
        if impossible[plan.id] != nil { return .aborted }
        return count(plan) > 0 ? .blocked : .queued
    }

    /// Inserts the operations that can run, with their edges.
    func insertPossible(_ plans: [OperationPlan], requester: String, in transaction: borrowing Transaction) throws {
        let possible = plans.filter { impossible[$0.id] == nil }
        try EnqueueStatements.insert(possible.map { ($0, count($0)) }, requester: requester, on: transaction.session)
        let edges = possible.flatMap { plan in
            plan.dependsOn.filter(live.contains).map {
                EnqueueStatements.Edge(dependency: $0, dependent: plan.id, mustComplete: true)
            }
                + plan.runsAfter.filter(live.contains).map {
                    EnqueueStatements.Edge(dependency: $0, dependent: plan.id, mustComplete: false)
                }
        }
        try EnqueueStatements.insertEdges(edges, in: transaction)
    }

    /// Adds to history, `aborted`, those whose dependency has failed already, and what depends on them.
    func insertImpossible(_ plans: [OperationPlan], requester: String, in transaction: borrowing Transaction) throws {
        for plan in plans {
            guard let reason = impossible[plan.id] else { continue }
            try EnqueueStatements.insertAborted(
                plan,
                unmet: count(plan),
                because: reason,
                requester: requester,
                in: transaction
            )
            guard let dependency = reason.dependency else { continue }
            try RetryStatements.recordAborted([(dependency, plan.id)], on: transaction.session)
        }
    }
}
