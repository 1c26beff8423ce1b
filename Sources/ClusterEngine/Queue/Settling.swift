import ClusterModel
import ClusterStore
import MariaDB

/// Writes down what became of attempts: many in one transaction.
package struct Settling: Sendable {
    /// One attempt that is over, named by its fence.
    package struct Entry: Sendable, Hashable {
        package let id: OperationID
        /// The number of the delivery; with the session it is the fencing token.
        package let delivery: Int
        package let report: AttemptReport
        /// The number of its tasks, from the first, that were done in this attempt.
        package let completedTasks: Int
        /// The end of what its commands have printed, as far as that is not written yet.
        package let output: [OutputTail]

        package init(
            id: OperationID,
            delivery: Int,
            report: AttemptReport,
            completedTasks: Int = 0,
            output: [OutputTail] = []
        ) {
            self.id = id
            self.delivery = delivery
            self.report = report
            self.completedTasks = completedTasks
            self.output = output
        }
    }

    /// The result of settling a batch of entries.
    package struct Result: Sendable {
        /// Written.
        package var settled: Set<OperationID> = []
        /// Somebody else held the row; to be sent again.
        package var locked: Set<OperationID> = []
        /// Claims that are no longer this session's: reaped, or settled before.
        ///
        /// Their outcome is somebody else's.
        package var superseded: Set<OperationID> = []
        /// Refused by the database for itself, with the reason; the others of the batch are not held up.
        package var refused: [OperationID: DatabaseError] = [:]
        /// Queues that have got work which is ready.
        package var ready: Set<QueueName> = []
        /// A Boolean value that indicates whether exclusive targets are free that others may wait for.
        package var freedTargets = false
        /// Every operation that ended, followers and aborted dependents included.
        package var ended: Set<OperationID> = []
        /// Some of those who waited for these before the end was written.
        package var waiters: [WaiterStatements.Waiter] = []
        /// The number of ended operations in each state.
        package var states: [OperationState: Int] = [:]
        /// A Boolean value that indicates whether what depends on them is left for further transactions.
        package var isUnfinished = false
    }

    private let database: Database

    package init(database: Database) {
        self.database = database
    }

    /// Settles a batch; on an error that one entry causes, halves it until that entry stands alone.
    ///
    /// - Throws: `DatabaseError` when the database cannot be reached, or the outcome is unknown: then the same batch is
    ///   sent again, and what had been settled comes back as superseded.
    package func settle(_ entries: [Entry], of session: SessionID) async throws -> Result {
        do {
            return try await attempt(entries, of: session, ifHeld: .skip)
        } catch let error as DatabaseError {
            // Only what the entries themselves are at fault for is theirs; anything else passes, and the batch is kept.
            guard error.isFaultOfTheValues else { throw error }
            guard entries.count > 1 else {
                var result = Result()
                for entry in entries { result.refused[entry.id] = error }
                return result
            }
            let half = entries.count / 2
            var result = try await settle(Array(entries.prefix(half)), of: session)
            result.merge(try await settle(Array(entries.dropFirst(half)), of: session))
            return result
        }
    }

    /// Settles one entry whose row others have held again and again, waiting for it.
    ///
    /// Many enqueuers that hold it in share mode, one after the other, would have it skipped for ever.
    /// - Throws: `DatabaseError` as `settle` does.
    func settlePatiently(
        _ entry: Entry,
        of session: SessionID,
        for wait: RowLock.Wait = .oneSecond
    ) async throws -> Result {
        do {
            return try await attempt([entry], of: session, ifHeld: .wait(wait))
        } catch is RowLock.StillHeld {
            var result = Result()
            result.locked = [entry.id]
            return result
        } catch let error as DatabaseError {
            guard error.isFaultOfTheValues else { throw error }
            var result = Result()
            result.refused[entry.id] = error
            return result
        }
    }

    private func attempt(
        _ entries: [Entry],
        of session: SessionID,
        ifHeld held: RowLock
    ) async throws -> Result {
        guard !entries.isEmpty else { return Result() }
        let random = Double.random(in: 0...1)
        return try await database.withTransaction { transaction in
            var result = Result()
            let ids = entries.map(\.id)
            let locked = try held.locking {
                try EndingStatements.lockClaims(ids, of: session, ifHeld: held, in: transaction)
            }
            let delivery = Dictionary(locked.map { ($0.id, $0.delivery) }, uniquingKeysWith: { first, _ in first })
            let own = entries.filter { delivery[$0.id] == $0.delivery }
            result.settled = Set(own.map(\.id))
            // With the outcome: who sees an operation's end sees all that it has printed.
            try OutputStatements.write(own.flatMap(\.printed), in: transaction)
            try Self.sortOut(entries.filter { delivery[$0.id] != $0.delivery }, of: session, into: &result, transaction)
            result.freedTargets = locked.contains(where: \.isExclusive)
            let effects = try Self.apply(own, random: random, freeingTargets: result.freedTargets, in: transaction)
            result.ready = effects.ready
            result.ended = effects.ended
            result.waiters = effects.waiters.filter { effects.ended.contains($0.operation) }
            result.states = effects.states
            result.isUnfinished = !effects.unfinished.isEmpty
            return result
        }
    }

    /// Tells entries whose row is held by somebody from those that are no longer ours.
    private static func sortOut(
        _ missing: [Entry],
        of session: SessionID,
        into result: inout Result,
        _ transaction: borrowing Transaction
    ) throws {
        guard !missing.isEmpty else { return }
        let standing = try EndingStatements.standingClaims(missing.map(\.id), of: session, on: transaction.session)
        for entry in missing {
            if standing.contains(where: { $0 == (entry.id, entry.delivery) }) {
                result.locked.insert(entry.id)
            } else {
                result.superseded.insert(entry.id)
            }
        }
    }

    /// Ends what is over and gives back what is not; the caller has locked the operations of all entries.
    ///
    /// - Parameters:
    ///   - entries: The attempts.
    ///   - random: Of the pauses before further attempts.
    ///   - freesTargets: False if none of the operations has an exclusive target.
    ///   - transaction: That has locked them.
    /// - Returns: What will have changed for others.
    /// - Throws: `DatabaseError`.
    package static func apply(
        _ entries: [Entry],
        random: Double,
        freeingTargets freesTargets: Bool = true,
        in transaction: borrowing Transaction
    ) throws -> Ending.Effects {
        var ends: [PrimaryEnd] = []
        var returns: [Return] = []
        var lost: [AttemptEnd] = []
        if freesTargets { try TargetStatements.free(by: entries.map(\.id), in: transaction) }
        for entry in entries {
            if case .succeeded(let result, let omitted) = entry.report {
                ends.append(PrimaryEnd(id: entry.id, outcome: .complete(result: result, omitted: omitted)))
                continue
            }
            guard let (standing, now) = try EndingStatements.standing(of: entry.id, in: transaction) else { continue }
            var end = PrimaryEnd(
                id: entry.id,
                outcome: nil,
                tasks: standing.tasks,
                completedTasks: entry.completedTasks,
                firstFailedAt: standing.history.first { $0.outcome == .failed }?.endedAt
            )
            switch AttemptDecision(entry.report, of: standing, now: now, random: random) {
            case .end(let outcome): end.outcome = outcome
            case .requeue(let requeue): returns.append(Return(id: entry.id, queue: standing.queue, requeue))
            }
            if entry.report == .reaped || entry.report == .takenOver {
                lost.append(AttemptEnd(standing, entry.report, endsOperation: end.outcome != nil, now: now))
            }
            ends.append(end)
        }
        // First the followers: those that end take over from the primary's row who ran it.
        var effects = try Ending.end(ends, in: transaction)
        effects.ready.formUnion(try giveBack(returns, in: transaction))
        effects.lost = lost
        return effects
    }

    /// An operation that comes back to its queue.
    private struct Return {
        let id: OperationID
        let queue: QueueName?
        let requeue: Requeue

        init(id: OperationID, queue: QueueName?, _ requeue: Requeue) {
            self.id = id
            self.queue = queue
            self.requeue = requeue
        }
    }

    /// Gives operations back, each in the best open lane of those that ride on it: nobody waits in a worse one, or
    /// behind a pause, because another one does the work.
    ///
    /// - Returns: The queues in which they are ready.
    private static func giveBack(
        _ returns: [Return],
        in transaction: borrowing Transaction
    ) throws -> Set<QueueName> {
        guard !returns.isEmpty else { return [] }
        var ready: Set<QueueName> = []
        let lanes = try EndingStatements.followersLanes(of: returns.map(\.id), in: transaction)
        for entry in returns {
            try EndingStatements.requeue(entry.id, entry.requeue, in: transaction)
            guard var queue = entry.queue else { continue }
            for lane in (lanes[entry.id] ?? []).sorted() where lane < queue.lane {
                let better = QueueName(queue.target, lane)
                guard try EndingStatements.move(entry.id, to: better, in: transaction) else { continue }
                queue = better
            }
            if entry.requeue.pause == .zero { ready.insert(queue) }
        }
        return ready
    }
}

extension Settling.Entry {
    fileprivate var printed: [OutputStatements.Printed] {
        output.map { OutputStatements.Printed(operation: id, delivery: delivery, tail: $0) }
    }
}

extension Settling.Result {
    /// Adds what happened to other entries.
    package mutating func merge(_ other: Settling.Result) {
        settled.formUnion(other.settled)
        locked.formUnion(other.locked)
        superseded.formUnion(other.superseded)
        refused.merge(other.refused, uniquingKeysWith: { first, _ in first })
        ready.formUnion(other.ready)
        freedTargets = freedTargets || other.freedTargets
        ended.formUnion(other.ended)
        waiters += other.waiters
        states.merge(other.states, uniquingKeysWith: +)
        isUnfinished = isUnfinished || other.isUnfinished
    }
}
