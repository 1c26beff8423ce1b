import MariaDB

/// Ends operations inside a transaction that has locked them: followers share the outcome, dependents are released or
/// aborted, all rows move to history.
enum Ending {
    /// What the transaction will have changed for others.
    struct Effects {
        /// Queues that have got work which is ready.
        var ready: Set<QueueName> = []
        /// Every operation that ended, followers and aborted dependents included.
        var ended: Set<OperationID> = []

        mutating func merge(_ other: Effects) {
            ready.formUnion(other.ready)
            ended.formUnion(other.ended)
        }
    }

    /// Ends locked claims.
    static func end(
        _ outcomes: [(id: OperationID, outcome: OperationOutcome)],
        in transaction: borrowing Transaction
    ) throws -> Effects {
        guard !outcomes.isEmpty else { return Effects() }
        let outcomeOf = Dictionary(outcomes.map { ($0.id, $0.outcome) }, uniquingKeysWith: { first, _ in first })
        // Found in the database under the survivor's lock, never from memory.
        let followers = try EndingStatements.lockFollowers(of: outcomes.map(\.id), in: transaction)
        let all = outcomes + followers.compactMap { follower in outcomeOf[follower.survivor].map { (follower.id, $0) } }
        return try finish(all, in: transaction)
    }

    /// Ends blocked operations because one that had to complete did not, and with them what depends on them.
    @discardableResult
    static func abort(
        _ ids: [OperationID],
        because reason: AbortReason,
        in transaction: borrowing Transaction
    ) throws -> Effects {
        let locked = try EndingStatements.lockBlocked(ids, in: transaction)
        guard !locked.isEmpty else { return Effects() }
        try EndingStatements.deleteEdges(try EndingStatements.edges(into: locked, in: transaction), in: transaction)
        return try finish(locked.map { ($0, .aborted(reason)) }, in: transaction)
    }

    private static func finish(
        _ outcomes: [(id: OperationID, outcome: OperationOutcome)],
        in transaction: borrowing Transaction
    ) throws -> Effects {
        // One statement for all that ended alike; most batches end alike.
        for (outcome, members) in Dictionary(grouping: outcomes, by: \.outcome) {
            try EndingStatements.copyToHistory(members.map(\.id), outcome: outcome, in: transaction)
        }
        try EndingStatements.delete(outcomes.map(\.id), in: transaction)
        var effects = try releaseDependents(of: outcomes, in: transaction)
        effects.ended.formUnion(outcomes.map(\.id))
        return effects
    }

    private static func releaseDependents(
        of outcomes: [(id: OperationID, outcome: OperationOutcome)],
        in transaction: borrowing Transaction
    ) throws -> Effects {
        let stateOf = Dictionary(outcomes.map { ($0.id, $0.outcome.state) }, uniquingKeysWith: { first, _ in first })
        let edges = try EndingStatements.edges(from: Array(stateOf.keys), in: transaction)
        guard !edges.isEmpty else { return Effects() }
        try EndingStatements.deleteEdges(edges.map { ($0.dependency, $0.dependent) }, in: transaction)

        var released: [(id: OperationID, ended: Int)] = []
        var doomed: [(id: OperationID, reason: AbortReason)] = []
        for edge in edges {
            if released.last?.id == edge.dependent {
                released[released.count - 1].ended += 1
            } else {
                released.append((edge.dependent, 1))
            }
            if edge.mustComplete, let state = stateOf[edge.dependency], state != .complete,
                doomed.last?.id != edge.dependent
            {
                doomed.append((edge.dependent, .dependencyEnded(edge.dependency, state)))
            }
        }
        try EndingStatements.release(released, in: transaction)
        var effects = Effects()
        for (reason, members) in Dictionary(grouping: doomed, by: \.reason) {
            effects.merge(try abort(members.map(\.id), because: reason, in: transaction))
        }
        effects.ready.formUnion(try EndingStatements.readyQueues(of: released.map(\.id), in: transaction))
        return effects
    }
}
