import ClusterModel
import ClusterStore
import MariaDB

/// An operation that this process now runs.
package struct Claim: Sendable {
    package let operation: Operation
    /// The tasks of the operations folded into it, one for each.
    package let folded: [TaskName]
}

/// Takes operations from queues for one worker process.
package struct Claiming: Sendable {
    /// Returns how many entries are read from each queue: some are taken by others meanwhile, some are of one target.
    ///
    /// With many slots fewer for each: what is read costs about as much as what is taken, and what is missing then
    /// brings another look.
    static func candidates(for freeSlots: Int) -> Int { max(min(freeSlots * 4, 64), freeSlots * 2) }

    private let database: Database
    private var chooser: CandidateReader
    /// A Boolean value that indicates whether the last claim left operations alone because others held their rows.
    private(set) var isHeldUp = false
    /// A Boolean value that indicates whether the last claim took all that it could see, and saw all that there was:
    /// the next would find no more than what has come, or has become due, since.
    private(set) var hasTakenAll = false

    /// Creates a claimer.
    ///
    /// - Parameters:
    ///   - database: A migrated schema.
    ///   - runnable: The tasks that the process has handlers for.
    ///   - stalenessBound: How long work may wait before it goes ahead of better lanes.
    package init(
        database: Database,
        runnable: [TaskDefinition],
        stalenessBound: Duration
    ) {
        self.database = database
        chooser = CandidateReader(
            runnable: Dictionary(runnable.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first }),
            policy: ClaimPolicy(stalenessBound: stalenessBound)
        )
    }

    /// Takes up to `freeSlots` operations from queues in order of preference; an empty answer means that there was
    /// nothing to take, or that others held it, see ``isHeldUp``.
    ///
    /// When it returns, claim and fold are committed: wanted state read from now on covers every request that rides.
    /// - Throws: `DatabaseError`; `outcomeUnknown` means that the operations may be claimed by this session, which
    ///   the next renewal's reconciliation finds out.
    package mutating func claim(
        upTo freeSlots: Int,
        from queues: [QueueName],
        by worker: WorkerIdentity
    ) async throws -> [Claim] {
        (isHeldUp, hasTakenAll) = (false, false)
        guard freeSlots > 0, !queues.isEmpty, chooser.canRunAnything else { return [] }
        chooser.work(on: worker.nodeID)
        for _ in 0..<Self.mostLooks {
            let found = try await find(upTo: freeSlots, from: queues, by: worker)
            chooser = found.chooser
            switch found.what {
            case .claims(let claims):
                hasTakenAll = found.tookAll
                return claims
            case .nothing: return []
            case .refused(let choices):
                let claims = try await claimOneByOne(choices, upTo: freeSlots, by: worker)
                if !claims.isEmpty { return claims }
            case .onlyOthers: continue
            }
        }
        isHeldUp = true
        return []
    }

    /// Lets a row that others hold be waited for at once, as nothing else is to be taken.
    package mutating func hurry(at now: SuspendingClock.Instant) { chooser.hurry(at: now) }

    /// Returns the time until a row that others hold is to be waited for.
    package func untilDue(among choice: HeldWork.Choice, at now: SuspendingClock.Instant) -> Duration? {
        chooser.untilDue(among: choice, at: now)
    }

    /// Returns an operation whose row others have held whenever it was to be taken, for too long; each is to be
    /// waited for by ``claim(waitingFor:by:)`` once it is returned.
    package mutating func takeDue(
        among choice: HeldWork.Choice = .all,
        at now: SuspendingClock.Instant
    ) -> HeldWork.Wait? { chooser.takeDue(among: choice, at: now) }

    /// Takes one operation, waiting for its row in a transaction of its own.
    ///
    /// - Returns: Nil when it was not to be had: somebody still holds it, or it was taken or ended meanwhile.
    /// - Throws: As `claim` does.
    package func claim(waitingFor wait: HeldWork.Wait, by worker: WorkerIdentity) async throws -> Claim? {
        let definitions = chooser.runnable
        do {
            return try await database.withTransaction { transaction in
                let held = RowLock.wait(wait.limit)
                return try held.locking {
                    try Self.claimAndFold(
                        [wait.id],
                        upTo: 1,
                        by: worker,
                        ifHeld: held,
                        definitions: definitions,
                        in: transaction
                    ).claims.first
                }
            }
        } catch is RowLock.StillHeld {
            return nil
        }
    }

    /// Takes operations in a transaction each, after the database has refused to have them taken together; passes
    /// over those that it refuses alone, so that one such row keeps no other from being run.
    private mutating func claimOneByOne(
        _ choices: [ClaimPolicy.Choice],
        upTo freeSlots: Int,
        by worker: WorkerIdentity
    ) async throws -> [Claim] {
        var won: [Claim] = []
        let definitions = chooser.runnable
        for choice in choices {
            if won.count == freeSlots { break }
            let id = choice.candidate.id
            do {
                let taken = try await database.withTransaction { transaction in
                    try Self.claimAndFold([id], upTo: 1, by: worker, definitions: definitions, in: transaction)
                }
                won += taken.claims
                chooser.leaveOut(taken.unreadable, of: choices)
            } catch let error as DatabaseError where error.isFaultOfTheValues {
                chooser.leaveOut([UnreadableOperation(id: id, reason: "it cannot be taken: \(error)")], of: choices)
            } catch {
                // What has been taken by now has to be begun; the rest is tried again.
                guard !won.isEmpty else { throw error }
                break
            }
        }
        chooser.took(choices, won)
        return won
    }

    /// The work that the next read of the queues would pass over.
    package var filter: ClaimFilter { chooser.filter }

    /// The most reads of the queues in one call, before the rest is left to the next poll.
    private static let mostLooks = 5

    /// Operations that are skipped because they cannot be decoded or taken, each told once.
    package mutating func takeUnreadable() -> [UnreadableOperation] {
        chooser.takeUnreadable()
    }

    private struct Found: Sendable {
        enum What: Sendable {
            /// At least one.
            case claims([Claim])
            case nothing
            /// The database does not let these be taken together: one of them is at fault.
            case refused([ClaimPolicy.Choice])
            /// The operations in front are for other workers, or were taken by them; they may have hidden those behind
            /// them.
            case onlyOthers
        }

        let what: What
        /// With what it has learnt.
        let chooser: CandidateReader
        /// A Boolean value that indicates whether it has seen all, and taken all that it has seen.
        var tookAll = false
    }

    /// Looks, chooses and claims, on one connection without a pause in between.
    private func find(
        upTo freeSlots: Int,
        from queues: [QueueName],
        by worker: WorkerIdentity
    ) async throws -> Found {
        let before = chooser
        return try await database.withReadsBeforeTransaction { session in
            var chooser = before
            let (choices, hasLearnt, sawAll) = try chooser.look(into: queues, freeSlots, at: .now, on: session)
            if choices.isEmpty { return Found(what: hasLearnt ? .onlyOthers : .nothing, chooser: chooser) }
            let (ids, definitions) = (choices.map(\.candidate.id), chooser.runnable)
            let taken: Taken
            do {
                taken = try session.transaction { transaction in
                    try Self.claimAndFold(ids, upTo: freeSlots, by: worker, definitions: definitions, in: transaction)
                }
            } catch let error as DatabaseError where error.isFaultOfTheValues {
                return Found(what: .refused(choices), chooser: chooser)
            }
            chooser.leaveOut(taken.unreadable, of: choices)
            chooser.skipped(taken.skipped, at: .now)
            chooser.claimed(taken.claims.count, skipped: taken.skipped.count)
            // Nothing won means that other workers took all that we saw; their commits show us what is behind it.
            guard !taken.claims.isEmpty else { return Found(what: .onlyOthers, chooser: chooser) }
            chooser.took(choices, taken.claims)
            let tookAll = sawAll && !hasLearnt && taken.claims.count == choices.count
            return Found(what: .claims(taken.claims), chooser: chooser, tookAll: tookAll)
        }
    }

    /// The operations that one transaction claimed, of those that it was to claim, and those that it left.
    package struct Taken: Sendable {
        /// In the order in which they were asked for.
        package var claims: [Claim] = []
        /// Left, because they cannot be decoded.
        package var unreadable: [UnreadableOperation] = []
        /// Left, because somebody else holds their rows, has taken them, or they do not wait any more.
        package var skipped: [OperationID] = []
    }

    /// Claim and fold, in one transaction: as two they need fences against zombies and unknown commits.
    ///
    static func claimAndFold(
        _ ids: [OperationID],
        upTo freeSlots: Int,
        by worker: WorkerIdentity,
        ifHeld held: RowLock = .skip,
        definitions: [TaskName: TaskDefinition],
        in transaction: borrowing Transaction
    ) throws -> Taken {
        var taken = Taken()
        var won: [Operation] = []
        var rest = ids[...]
        // Only as many as are still wanted are locked; those that somebody else holds are skipped, as a rule. Once most
        // of the slots are filled it is not worth a statement for each of the last, all of whose rows others may hold.
        while !rest.isEmpty, won.isEmpty || (freeSlots - won.count) * 4 > freeSlots {
            let next = Array(rest.prefix(freeSlots - won.count))
            rest = rest.dropFirst(next.count)
            let moment = won.first?.startedAt
            let locked = try ClaimStatements.lockWaiting(next, for: worker, at: moment, ifHeld: held, in: transaction)
            won += try withFreeTargets(locked.operations, in: transaction)
            taken.unreadable += locked.unreadable
            let seen = Set(locked.operations.map(\.id) + locked.unreadable.map(\.id))
            taken.skipped += next.filter { !seen.contains($0) }
        }
        if let moment = won.first?.startedAt {
            try ClaimStatements.start(won.map(\.id), by: worker, at: moment, in: transaction)
        }
        let folded = try fold(into: won, definitions: definitions, in: transaction)
        let order = Dictionary(ids.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        taken.claims = won.sorted { order[$0.id, default: 0] < order[$1.id, default: 0] }.map {
            Claim(operation: $0, folded: folded[$0.id] ?? [])
        }
        return taken
    }

    /// Takes the targets of locked operations, and leaves those whose target is being worked on.
    private static func withFreeTargets(
        _ locked: [Operation],
        in transaction: borrowing Transaction
    ) throws -> [Operation] {
        try locked.filter { operation in
            guard let key = operation.exclusiveKey else { return true }
            return try TargetStatements.take(key, for: operation.id, in: transaction)
        }
    }

    /// Makes what waits for the same work ride on the operations that start now.
    private static func fold(
        into primaries: [Operation],
        definitions: [TaskName: TaskDefinition],
        in transaction: borrowing Transaction
    ) throws -> [OperationID: [TaskName]] {
        var primaryOf: [CoalescingKey: OperationID] = [:]
        for primary in primaries where primary.mayCarryOthers {
            for task in primary.tasks {
                guard let definition = definitions[task], definition.isCoalescible else { continue }
                primaryOf[CoalescingKey(definition, primary.target)] = primary.id
            }
        }
        guard !primaryOf.isEmpty else { return [:] }
        let candidates = try ClaimStatements.waitingSiblings(of: Array(primaryOf.keys), on: transaction.session)
        guard !candidates.isEmpty else { return [:] }
        let siblings = try ClaimStatements.lockSiblings(candidates, in: transaction)
        var folded: [OperationID: [TaskName]] = [:]
        let startOf = Dictionary(primaries.map { ($0.id, $0.startedAt) }, uniquingKeysWith: { first, _ in first })
        for (primary, members) in Dictionary(grouping: siblings, by: { primaryOf[$0.key] }) {
            guard let primary, let start = startOf[primary] ?? nil else { continue }
            try ClaimStatements.fold(members.map(\.id), into: primary, startedAt: start, in: transaction)
            folded[primary] = members.map(\.task)
        }
        return folded
    }
}

extension Operation {
    /// A Boolean value that indicates whether others may be folded into it: it does exactly their work, and nothing of
    /// its own can end it early.
    fileprivate var mayCarryOthers: Bool {
        parameters == nil && cancelRequestedAt == nil && deadline == nil
    }
}
