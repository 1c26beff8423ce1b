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
        /// Followers that went back to their queues, because their survivor was cancelled.
        var unfolded: [OperationID] = []
    }

    /// Ends locked operations that nobody runs: takes them off what they still wait for, and ends them.
    static func endWaiting(
        _ outcomes: [(id: OperationID, outcome: OperationOutcome)],
        in transaction: borrowing Transaction
    ) throws -> Effects {
        let edges = try EndingStatements.edges(into: outcomes.map(\.id), in: transaction)
        try EndingStatements.deleteEdges(edges, in: transaction)
        return try end(outcomes, in: transaction)
    }

    /// Ends locked operations.
    ///
    /// Followers share the outcome, except that one which is cancelled gives its followers back: nobody asked for *their*
    /// end.
    static func end(
        _ outcomes: [(id: OperationID, outcome: OperationOutcome)],
        in transaction: borrowing Transaction
    ) throws -> Effects {
        guard !outcomes.isEmpty else { return Effects() }
        let outcomeOf = Dictionary(outcomes.map { ($0.id, $0.outcome) }, uniquingKeysWith: { first, _ in first })
        // Found in the database under the survivor's lock, never from memory.
        let followers = try EndingStatements.lockFollowers(of: outcomes.map(\.id), in: transaction)
        let released = followers.filter { outcomeOf[$0.survivor]?.state == .cancelled }
        let sharing = followers.filter { outcomeOf[$0.survivor]?.state != .cancelled }
        for (survivor, members) in Dictionary(grouping: released, by: \.survivor) {
            try CancelStatements.unfold(members.map(\.id), from: survivor, in: transaction)
        }
        let all = outcomes + sharing.compactMap { follower in outcomeOf[follower.survivor].map { (follower.id, $0) } }
        var effects = try finish(all, in: transaction)
        effects.unfolded = released.map(\.id)
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
