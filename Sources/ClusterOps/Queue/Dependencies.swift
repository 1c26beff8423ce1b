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
        return UnmetDependencies(live: live.union(ids), ended: ended)
    }
}

/// What a set of operations has to wait for, as it stands under the locks of the enqueuing transaction.
struct UnmetDependencies {
    fileprivate let live: Set<OperationID>
    fileprivate let ended: [OperationID: OperationState]

    /// The dependency that makes the operation impossible, if one has ended without completing.
    func failure(of plan: OperationPlan) -> (OperationID, OperationState)? {
        for id in plan.dependsOn {
            if let state = ended[id], state != .complete { return (id, state) }
        }
        return nil
    }

    /// How many edges hold the operation back.
    func count(_ plan: OperationPlan) -> Int {
        plan.dependsOn.count(where: live.contains) + plan.runsAfter.count(where: live.contains)
    }

    func state(of plan: OperationPlan) -> OperationState {
        if failure(of: plan) != nil { return .aborted }
        return count(plan) > 0 ? .blocked : .queued
    }

    /// Inserts the operations with their edges.
    func insert(_ plans: [OperationPlan], requester: String, in transaction: borrowing Transaction) throws {
        try EnqueueStatements.insert(plans.map { ($0, count($0)) }, requester: requester, on: transaction.session)
        let edges = plans.flatMap { plan in
            plan.dependsOn.filter(live.contains).map { ($0, plan.id, true) }
                + plan.runsAfter.filter(live.contains).map { ($0, plan.id, false) }
        }
        try EnqueueStatements.insertEdges(edges, in: transaction)
    }

    /// Ends those inserted operations `aborted` whose dependency has failed already, and with them what depends on them.
    ///
    /// - Returns: Every operation that ended.
    func abortImpossible(_ plans: [OperationPlan], in transaction: borrowing Transaction) throws -> Ending.Effects {
        let doomed = plans.compactMap { plan in
            failure(of: plan).map { (id: plan.id, reason: AbortReason.dependencyEnded($0.0, $0.1)) }
        }
        return try Ending.abort(doomed, in: transaction)
    }
}
