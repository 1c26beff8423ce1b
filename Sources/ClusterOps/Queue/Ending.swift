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
        /// How many of them came to which end.
        var states: [OperationState: Int] = [:]
        /// Followers that went back to their queues, because their survivor did not do their work.
        var unfolded: [OperationID] = []
    }

    /// Ends locked operations that nobody runs: takes them off what they still wait for, and ends them.
    static func endWaiting(
        _ outcomes: [(id: OperationID, outcome: OperationOutcome)],
        in transaction: borrowing Transaction
    ) throws -> Effects {
        let edges = try EndingStatements.edges(into: outcomes.map(\.id), in: transaction)
        try EndingStatements.deleteEdges(edges, in: transaction)
        return try end(outcomes.map { SurvivorEnd(id: $0.id, outcome: $0.outcome) }, in: transaction)
    }

    /// Ends locked operations whose attempts are over, and those of their followers whose work was done, or failed.
    ///
    /// - Parameters:
    ///   - attempts: One for each operation; one without an outcome comes back, and is left to the caller.
    ///   - transaction: That has locked them.
    /// - Returns: What will have changed for others.
    /// - Throws: `DatabaseError`.
    static func end(_ attempts: [SurvivorEnd], in transaction: borrowing Transaction) throws -> Effects {
        let concerned = attempts.filter(\.concernsFollowers)
        guard !concerned.isEmpty else { return Effects() }
        let attemptOf = Dictionary(concerned.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var outcomes = concerned.compactMap { attempt in attempt.outcome.map { (attempt.id, $0) } }
        var returned: [SurvivorEnd.Follower] = []
        // Found in the database under the survivor's lock, never from memory.
        for follower in try EndingStatements.lockFollowers(of: concerned.map(\.id), in: transaction) {
            switch attemptOf[follower.survivor]?.fate(of: follower) {
            case .ends(let outcome): outcomes.append((follower.id, outcome))
            case .returns: returned.append(follower)
            case .stays, nil: break
            }
        }
        for (survivor, members) in Dictionary(grouping: returned, by: \.survivor) {
            try CancelStatements.unfold(members.map(\.id), from: survivor, in: transaction)
        }
        var effects = try finish(outcomes, in: transaction)
        effects.unfolded = returned.map(\.id)
        effects.ready.formUnion(try EndingStatements.readyQueues(of: effects.unfolded, in: transaction))
        return effects
    }

    /// Ends blocked operations because one that had to complete did not, and with them what depends on them.
    @discardableResult
    static func abort(
        _ doomed: [(id: OperationID, reason: AbortReason)],
        in transaction: borrowing Transaction
    ) throws -> Effects {
        try finish(try doom(doomed, in: transaction), in: transaction)
    }

    /// Locks what is to be aborted, and takes it off what it still waits for.
    private static func doom(
        _ doomed: [(id: OperationID, reason: AbortReason)],
        in transaction: borrowing Transaction
    ) throws -> [(id: OperationID, outcome: OperationOutcome)] {
        guard !doomed.isEmpty else { return [] }
        let reasons = Dictionary(doomed.map { ($0.id, $0.reason) }, uniquingKeysWith: { first, _ in first })
        let locked = try EndingStatements.lockBlocked(doomed.map(\.id), in: transaction)
        try EndingStatements.deleteEdges(try EndingStatements.edges(into: locked, in: transaction), in: transaction)
        return locked.compactMap { id in reasons[id].map { (id, .aborted($0)) } }
    }

    /// Moves ended operations to history, level by level of what is aborted with them: a chain may be thousands deep.
    private static func finish(
        _ outcomes: [(id: OperationID, outcome: OperationOutcome)],
        in transaction: borrowing Transaction
    ) throws -> Effects {
        var effects = Effects()
        var level = outcomes
        while !level.isEmpty {
            // One statement for all that ended alike; most batches end alike.
            for (outcome, members) in Dictionary(grouping: level, by: \.outcome) {
                try EndingStatements.copyToHistory(members.map(\.id), outcome: outcome, in: transaction)
            }
            try EndingStatements.delete(level.map(\.id), in: transaction)
            effects.ended.formUnion(level.map(\.id))
            for (_, outcome) in level { effects.states[outcome.state, default: 0] += 1 }
            let (ready, doomed) = try releaseDependents(of: level, in: transaction)
            effects.ready.formUnion(ready)
            level = try doom(doomed, in: transaction)
        }
        return effects
    }

    private static func releaseDependents(
        of outcomes: [(id: OperationID, outcome: OperationOutcome)],
        in transaction: borrowing Transaction
    ) throws -> (ready: Set<QueueName>, doomed: [(id: OperationID, reason: AbortReason)]) {
        let stateOf = Dictionary(outcomes.map { ($0.id, $0.outcome.state) }, uniquingKeysWith: { first, _ in first })
        let edges = try EndingStatements.edges(from: outcomes.map(\.id), in: transaction)
        guard !edges.isEmpty else { return ([], []) }
        try EndingStatements.deleteEdges(edges.map { ($0.dependency, $0.dependent) }, in: transaction)

        var order: [OperationID] = []
        var ended: [OperationID: Int] = [:]
        var reasons: [OperationID: AbortReason] = [:]
        for edge in edges {
            if ended[edge.dependent] == nil { order.append(edge.dependent) }
            ended[edge.dependent, default: 0] += 1
            if edge.mustComplete, let state = stateOf[edge.dependency], state != .complete {
                reasons[edge.dependent] = reasons[edge.dependent] ?? .dependencyEnded(edge.dependency, state)
            }
        }
        try EndingStatements.release(order.map { ($0, ended[$0] ?? 0) }, in: transaction)
        let ready = try EndingStatements.readyQueues(of: order.filter { reasons[$0] == nil }, in: transaction)
        return (ready, order.compactMap { id in reasons[id].map { (id, $0) } })
    }
}
