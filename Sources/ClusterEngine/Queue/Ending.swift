import ClusterModel
import ClusterStore
import MariaDB

/// Ends operations inside a transaction that has locked them: followers share the outcome, dependents are released or
/// aborted, as far as one transaction goes, and all rows move to history.
package enum Ending {
    /// The changes that the transaction will have made for others.
    package struct Effects: Sendable, Hashable {
        /// Queues that have got work which is ready.
        var ready: Set<QueueName> = []
        /// Every operation that ended, followers and aborted dependents included.
        var ended: Set<OperationID> = []
        /// Some of those who wait for one of the primaries.
        var waiters: [WaiterStatements.Waiter] = []
        /// The number of ended operations in each state.
        var states: [OperationState: Int] = [:]
        /// Followers that went back to their queues, because their primary did not do their work.
        var unfolded: [OperationID] = []
        /// Ended operations with dependents that are left for further transactions.
        var unfinished: [OperationID] = []
        /// Attempts that ended with their worker, to be logged by who found that.
        var lost: [AttemptEnd] = []
    }

    /// Chooses the first of some operations that together wait for no more others than one transaction takes them
    /// off; one at least.
    ///
    /// 100 that wait for 4,096 others each would be 400,000 edges.
    static func affordable(
        _ ids: [OperationID],
        in transaction: borrowing Transaction
    ) throws -> [OperationID] {
        let edges = try EndingStatements.edgeCounts(into: ids, in: transaction)
        var left = Cascade.mostAtOnce
        var chosen: [OperationID] = []
        for id in ids {
            left -= edges[id] ?? 0
            guard left >= 0 || chosen.isEmpty else { break }
            chosen.append(id)
        }
        return chosen
    }

    /// Ends locked operations that nobody runs: takes them off what they still wait for, and ends them.
    static func endWaiting(
        _ outcomes: [(id: OperationID, outcome: OperationOutcome)],
        in transaction: borrowing Transaction
    ) throws -> Effects {
        let edges = try EndingStatements.edges(into: outcomes.map(\.id), in: transaction)
        try EndingStatements.deleteEdges(edges, in: transaction)
        return try end(outcomes.map { PrimaryEnd(id: $0.id, outcome: $0.outcome) }, in: transaction)
    }

    /// Ends locked operations whose attempts are over, and those of their followers whose work was done, or failed.
    ///
    /// - Parameters:
    ///   - attempts: One for each operation; one without an outcome comes back, and is left to the caller.
    ///   - transaction: That has locked them.
    /// - Returns: What will have changed for others.
    /// - Throws: `DatabaseError`.
    package static func end(_ attempts: [PrimaryEnd], in transaction: borrowing Transaction) throws -> Effects {
        let concerned = attempts.filter(\.concernsFollowers)
        guard !concerned.isEmpty else { return Effects() }
        let attemptOf = Dictionary(concerned.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var outcomes = concerned.compactMap { attempt in attempt.outcome.map { (attempt.id, $0) } }
        var returned: [PrimaryEnd.Follower] = []
        // Found in the database under the primary's lock, never from memory.
        let others = try EndingStatements.concerned(byEndsOf: concerned.map(\.id), in: transaction)
        for follower in try EndingStatements.lockFollowers(others.followers, in: transaction) {
            switch attemptOf[follower.primary]?.fate(of: follower) {
            case .ends(let outcome): outcomes.append((follower.id, outcome))
            case .returns: returned.append(follower)
            case .stays, nil: break
            }
        }
        for (primary, members) in Dictionary(grouping: returned, by: \.primary) {
            try CancelStatements.unfold(members.map(\.id), from: primary, in: transaction)
        }
        var cascade = Cascade()
        // What depends on followers is read once those are locked as well.
        let mayRelease = others.haveDependents || !others.followers.isEmpty
        var effects = try finish(outcomes, &cascade, mayRelease: mayRelease, in: transaction)
        effects.waiters = others.waiters
        effects.unfolded = returned.map(\.id)
        effects.ready.formUnion(try EndingStatements.readyQueues(of: effects.unfolded, in: transaction))
        return effects
    }

    /// Goes on with what depends on operations that ended earlier: one batch.
    ///
    /// - Returns: What will have changed for others; nil when nothing is left that nobody else goes on with.
    /// - Throws: `DatabaseError`.
    static func goOn(in transaction: borrowing Transaction) throws -> Effects? {
        let ended = try CascadeStatements.lockNext(in: transaction)
        guard !ended.isEmpty else { return nil }
        var cascade = Cascade()
        let level = try cascade.release(ended, in: transaction)
        let unfinished = Set(cascade.takeUnfinished().map(\.id))
        try CascadeStatements.delete(ended.map(\.id).filter { !unfinished.contains($0) }, in: transaction)
        var effects = try finish(level.aborted, &cascade, in: transaction)
        effects.ready.formUnion(level.ready)
        effects.unfinished += unfinished
        return effects
    }

    /// Moves ended operations to history, level by level of what is aborted with them, as far as the bound allows.
    private static func finish(
        _ outcomes: [(id: OperationID, outcome: OperationOutcome)],
        _ cascade: inout Cascade,
        mayRelease: Bool = true,
        in transaction: borrowing Transaction
    ) throws -> Effects {
        var effects = Effects()
        var level = outcomes
        while !level.isEmpty {
            // One statement for all that ended alike; most batches end alike. A follower that ends otherwise than its
            // primary is complete: it comes first, so that it is not written as ended after it.
            let groups = Dictionary(grouping: level, by: \.outcome)
            let isComplete = { (outcome: OperationOutcome) in outcome.state == .complete }
            for outcome in groups.keys.filter(isComplete) + groups.keys.filter({ !isComplete($0) }) {
                let ids = (groups[outcome] ?? []).map(\.id)
                try EndingStatements.copyToHistory(ids, outcome: outcome, in: transaction)
            }
            let aborted = level.compactMap { id, outcome in
                outcome.failedDependency.map { (dependency: $0, dependent: id) }
            }
            try RetryStatements.recordAborted(aborted, on: transaction.session)
            try EndingStatements.delete(level.map(\.id), in: transaction)
            effects.ended.formUnion(level.map(\.id))
            for (_, outcome) in level { effects.states[outcome.state, default: 0] += 1 }
            guard mayRelease else { break }
            let ended = level.map { CascadeStatements.Ended(id: $0.id, state: $0.outcome.state) }
            let next = try cascade.release(ended, in: transaction)
            effects.ready.formUnion(next.ready)
            level = next.aborted
        }
        let unfinished = cascade.takeUnfinished()
        try CascadeStatements.insert(unfinished, in: transaction)
        effects.unfinished = unfinished.map(\.id)
        return effects
    }
}
