import MariaDB

/// An operation that this process now runs.
package struct Claim: Sendable {
    package let operation: Operation
    /// The tasks of the operations folded into it, one for each.
    package let folded: [TaskName]
}

/// Takes operations from queues for one worker process.
package struct Claiming: Sendable {
    /// Entries read from each queue for every free slot: some are taken by others meanwhile, some are of one target.
    static let candidatesPerSlot = 4

    private let database: Database
    private var chooser: Chooser

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
        chooser = Chooser(
            runnable: Dictionary(runnable.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first }),
            policy: ClaimPolicy(stalenessBound: stalenessBound)
        )
    }

    /// Takes up to `freeSlots` operations from queues in order of preference; an empty answer means that there was nothing to take.
    ///
    /// When it returns, claim and fold are committed: wanted state read from now on covers every request that rides.
    /// - Throws: `DatabaseError`; `outcomeUnknown` means that the operations may be claimed by this session, which the
    ///   next renewal's reconciliation finds out.
    package mutating func claim(
        upTo freeSlots: Int,
        from queues: [QueueName],
        by worker: WorkerIdentity
    ) async throws -> [Claim] {
        guard freeSlots > 0, !queues.isEmpty else { return [] }
        for _ in 0..<Self.mostLooks {
            do {
                let found = try await find(upTo: freeSlots, from: queues, by: worker)
                chooser = found.chooser
                switch found.what {
                case .claims(let claims): return claims
                case .nothing: return []
                case .onlyOthers: continue
                }
            } catch let error as UnreadableOperations {
                // Rolled back as a whole: taken again without them.
                chooser.leaveOut(error.rows)
            }
        }
        return []
    }

    /// How often the queues are looked at in one call before it is left to the next poll.
    private static let mostLooks = 5

    /// Operations that were skipped because they cannot be decoded, each told once.
    package mutating func takeUnreadable() -> [UnreadableOperation] {
        chooser.takeUnreadable()
    }

    private struct Found: Sendable {
        enum What: Sendable {
            /// At least one.
            case claims([Claim])
            case nothing
            /// What was in front is for other workers, or was taken by them; it may have hidden what is behind it.
            case onlyOthers
        }

        let what: What
        /// With what it has learnt.
        let chooser: Chooser
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
            let (choices, sawForeignWork) = try chooser.look(into: queues, freeSlots, on: session)
            if choices.isEmpty { return Found(what: sawForeignWork ? .onlyOthers : .nothing, chooser: chooser) }
            let (ids, definitions) = (choices.map(\.candidate.id), chooser.runnable)
            let claims = try session.transaction { transaction in
                try Self.claimAndFold(ids, upTo: freeSlots, by: worker, definitions: definitions, in: transaction)
            }
            // Nothing won means that other workers took all that we saw; their commits show us what is behind it.
            guard !claims.isEmpty else { return Found(what: .onlyOthers, chooser: chooser) }
            chooser.took(choices, claims)
            return Found(what: .claims(claims), chooser: chooser)
        }
    }

    /// Claim and fold, in one transaction: as two they need fences against zombies and unknown commits.
    static func claimAndFold(
        _ ids: [OperationID],
        upTo freeSlots: Int,
        by worker: WorkerIdentity,
        definitions: [TaskName: TaskDefinition],
        in transaction: borrowing Transaction
    ) throws -> [Claim] {
        var won: [OperationID] = []
        var rest = ids[...]
        // Only as many as are still wanted are locked; those that somebody else holds are skipped, never waited for.
        while won.count < freeSlots, !rest.isEmpty {
            let next = Array(rest.prefix(freeSlots - won.count))
            rest = rest.dropFirst(next.count)
            won += try start(next, by: worker, in: transaction)
        }
        let operations = try ClaimStatements.claimed(won, in: transaction)
        let folded = try fold(into: operations, definitions: definitions, in: transaction)
        let order = Dictionary(ids.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        return operations.sorted { order[$0.id, default: 0] < order[$1.id, default: 0] }.map {
            Claim(operation: $0, folded: folded[$0.id] ?? [])
        }
    }

    private static func start(
        _ ids: [OperationID],
        by worker: WorkerIdentity,
        in transaction: borrowing Transaction
    ) throws -> [OperationID] {
        let locked = try ClaimStatements.lockWaiting(ids, in: transaction)
        var started = locked.filter { $0.exclusiveKey == nil }.map(\.id)
        try ClaimStatements.start(started, by: worker, in: transaction)
        // In the order of the key: two workers that meet on two targets wait for each other, and do not deadlock.
        let exclusive = locked.compactMap { row in row.exclusiveKey.map { (id: row.id, key: $0) } }
        for (id, _) in exclusive.sorted(by: { $0.key < $1.key })
        where try ClaimStatements.startExclusive(id, by: worker, in: transaction) {
            started.append(id)
        }
        return started
    }

    /// Makes what waits for the same work ride on the operations that start now.
    private static func fold(
        into survivors: [Operation],
        definitions: [TaskName: TaskDefinition],
        in transaction: borrowing Transaction
    ) throws -> [OperationID: [TaskName]] {
        var survivorOf: [CoalescingKey: OperationID] = [:]
        for survivor in survivors where survivor.mayCarryOthers {
            for task in survivor.tasks {
                guard let definition = definitions[task], definition.isCoalescible else { continue }
                survivorOf[CoalescingKey(definition, survivor.target)] = survivor.id
            }
        }
        guard !survivorOf.isEmpty else { return [:] }
        let candidates = try ClaimStatements.waitingSiblings(of: Array(survivorOf.keys), on: transaction.session)
        guard !candidates.isEmpty else { return [:] }
        let siblings = try ClaimStatements.lockSiblings(candidates, in: transaction)
        var folded: [OperationID: [TaskName]] = [:]
        for (survivor, members) in Dictionary(grouping: siblings, by: { survivorOf[$0.key] }) {
            guard let survivor else { continue }
            try ClaimStatements.fold(members.map(\.id), into: survivor, in: transaction)
            folded[survivor] = members.map(\.task)
        }
        return folded
    }
}

/// Chooses among what stands in front of the queues, and remembers from look to look what is not for this worker.
private struct Chooser: Sendable {
    /// Entries of a short look: beyond them the backlog is the slower part anyway.
    static let shortLook = 64

    let runnable: [TaskName: TaskDefinition]
    private var policy: ClaimPolicy
    private var unrunnable = UnrunnableTasks()
    private var unreadable = UnreadableCandidates()
    /// Whether a short look would most likely be in vain.
    private var isBacklogged = false

    init(runnable: [TaskName: TaskDefinition], policy: ClaimPolicy) {
        self.runnable = runnable
        self.policy = policy
    }

    /// Looks into queues.
    ///
    /// - Returns: What to claim, best first, and whether there was something that is not for this worker.
    mutating func look(
        into queues: [QueueName],
        _ freeSlots: Int,
        on session: borrowing Session
    ) throws -> (choices: [ClaimPolicy.Choice], foreign: Bool) {
        let (excluded, skipped) = (unrunnable.lists, unreadable.ids)
        func candidates(_ look: ClaimStatements.Look) throws -> ClaimStatements.Heads {
            try ClaimStatements.candidates(
                in: queues,
                look,
                unrunnable: excluded,
                unreadable: skipped,
                on: session
            )
        }
        let limit = freeSlots * Claiming.candidatesPerSlot
        var heads = ClaimStatements.Heads()
        heads.isCutOff = true
        if !isBacklogged { heads = try candidates(.everything(most: Self.shortLook)) }
        if heads.isCutOff {
            heads = try candidates(.heads(ofEach: limit, besides: heads.busy))
            isBacklogged = heads.candidates.count >= min(limit, Self.shortLook)
        }
        unreadable.insert(heads.unreadable)
        let possible = heads.candidates.filter { candidate in
            if candidate.tasks.allSatisfy({ runnable[$0] != nil }) { return true }
            unrunnable.insert(candidate.tasks)
            return false
        }
        let sawForeignWork = excluded != unrunnable.lists || skipped != unreadable.ids
        return (policy.order(possible, now: heads.now), sawForeignWork)
    }

    mutating func took(_ choices: [ClaimPolicy.Choice], _ claims: [Claim]) {
        let claimed = Set(claims.map(\.operation.id))
        policy.took(choices.filter { claimed.contains($0.candidate.id) })
    }

    mutating func leaveOut(_ rows: [UnreadableOperation]) { unreadable.insert(rows) }
    mutating func takeUnreadable() -> [UnreadableOperation] { unreadable.take() }
}

/// Task lists that were seen in this worker's queues and that it cannot run; left out of the next reads.
private struct UnrunnableTasks {
    /// More different foreign task lists than this at the head of our queues are read and dropped each time.
    static let most = 64

    private(set) var lists: [[TaskName]] = []

    mutating func insert(_ tasks: [TaskName]) {
        if lists.count < Self.most, !lists.contains(tasks) { lists.append(tasks) }
    }
}

/// Operations that were seen in this worker's queues and that it cannot decode; left out of the next reads.
private struct UnreadableCandidates {
    /// More than this at the head of our queues are read and dropped each time.
    static let most = 64

    private(set) var ids: [OperationID] = []
    private var untold: [UnreadableOperation] = []

    mutating func insert(_ rows: [UnreadableOperation]) {
        for row in rows where ids.count < Self.most && !ids.contains(row.id) {
            ids.append(row.id)
            untold.append(row)
        }
    }

    mutating func take() -> [UnreadableOperation] {
        defer { untold = [] }
        return untold
    }
}

extension Operation {
    /// Whether the work of others may ride on it: it does exactly theirs, and nothing of its own can end it early.
    fileprivate var mayCarryOthers: Bool {
        parameters == nil && cancelRequestedAt == nil && deadline == nil
    }
}
