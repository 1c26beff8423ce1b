import MariaDB

/// Writes down what became of attempts: many in one transaction.
package struct Settling: Sendable {
    /// One attempt that is over, named by its fence.
    package struct Entry: Sendable, Hashable {
        package let id: OperationID
        /// Which delivery of the operation it was; with the session it is the fence.
        package let delivery: Int
        package let report: AttemptReport

        package init(id: OperationID, delivery: Int, report: AttemptReport) {
            self.id = id
            self.delivery = delivery
            self.report = report
        }
    }

    /// What happened to the entries of a batch.
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
        /// Every operation that ended, followers and aborted dependents included.
        package var ended: Set<OperationID> = []
        /// How many of them came to which end.
        package var states: [OperationState: Int] = [:]
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

    /// Settles one entry whose row others have held again and again, waiting for it for a second.
    ///
    /// Many enqueuers that hold it in share mode, one after the other, would have it skipped for ever.
    /// - Throws: `DatabaseError` as `settle` does.
    package func settlePatiently(_ entry: Entry, of session: SessionID) async throws -> Result {
        do {
            return try await attempt([entry], of: session, ifHeld: .wait(.oneSecond))
        } catch is StillHeld {
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

    /// A row was waited for in vain.
    private struct StillHeld: Error {}

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
            let locked: [(id: OperationID, delivery: Int)]
            do {
                locked = try EndingStatements.lockClaims(ids, of: session, ifHeld: held, in: transaction)
            } catch let error as DatabaseError {
                guard held != .skip, error.code == .lockWaitTimeout else { throw error }
                // Not the database's error: with that one the transaction would be begun again, and hold up other outcomes.
                throw StillHeld()
            }
            let delivery = Dictionary(locked.map { ($0.id, $0.delivery) }, uniquingKeysWith: { first, _ in first })
            let own = entries.filter { delivery[$0.id] == $0.delivery }
            result.settled = Set(own.map(\.id))
            try Self.sortOut(entries.filter { delivery[$0.id] != $0.delivery }, of: session, into: &result, transaction)
            let effects = try Self.apply(own, random: random, in: transaction)
            result.ready = effects.ready
            result.ended = effects.ended
            result.states = effects.states
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

    static func apply(
        _ entries: [Entry],
        random: Double,
        in transaction: borrowing Transaction
    ) throws -> Ending.Effects {
        var ends: [(id: OperationID, outcome: OperationOutcome)] = []
        var ready: Set<QueueName> = []
        for entry in entries {
            if case .succeeded(let result, let omitted) = entry.report {
                ends.append((entry.id, .complete(result: result, omitted: omitted)))
                continue
            }
            guard let (operation, now) = try EndingStatements.locked(entry.id, in: transaction) else { continue }
            switch Verdict(entry.report, of: operation, now: now, random: random) {
            case .end(let outcome): ends.append((entry.id, outcome))
            case .requeue(let requeue):
                try EndingStatements.requeue(entry.id, requeue, in: transaction)
                if requeue.pause == .zero { ready.insert(operation.queue) }
            }
        }
        var effects = try Ending.end(ends, in: transaction)
        effects.ready.formUnion(ready)
        return effects
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
        ended.formUnion(other.ended)
        states.merge(other.states, uniquingKeysWith: +)
    }
}
