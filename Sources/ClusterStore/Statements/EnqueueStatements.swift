import ClusterModel
import MariaDB

/// The statements that bring operations into the queue.
package enum EnqueueStatements {
    /// Adds operations; those with an `unmet` above 0 are blocked.
    ///
    /// A duplicate id throws 1062 on `PRIMARY`; what then counts is the content, see `IdempotentEnqueue`.
    package static func insert(
        _ plans: [(plan: OperationPlan, unmet: Int)],
        requester: String,
        on session: borrowing Session
    )
        throws(DatabaseError)
    {
        try session.execute(together: plans) {
            row($0.plan, unmet: $0.unmet, requester)
        } in: { rows in
            "INSERT INTO work_queue (\(sql: requestedColumns)) VALUES \(sql: rows)"
        }
    }

    /// Made once, not for each statement.
    private static let requestedColumns = OperationColumns.list(OperationColumns.requested)

    private static func row(_ plan: OperationPlan, unmet: Int, _ requester: String) -> SQL {
        """
        (
            \(plan.id), \(plan.kind), \(JSONColumn(plan.tasks)), \(plan.queue), \(plan.queue.lane),
            \(plan.target.network?.id), \(plan.target.network?.name), \(plan.target.node?.id),
            \(plan.target.node?.name), \(plan.target.interface), \(plan.parameters),
            \(list(plan.dependsOn)), \(list(plan.runsAfter)), \(requester),
            NOW(6) + INTERVAL \(plan.deadline?.wholeMicroseconds) MICROSECOND, \(plan.maximumAttempts), \(plan.retryOf),
            \(plan.coalesceKey), \(plan.exclusiveKey), \(unmet > 0 ? OperationState.blocked : .queued), \(unmet),
            NOW(6), NOW(6) + INTERVAL \(plan.delay.wholeMicroseconds) MICROSECOND)
        """
    }

    private static func list(_ ids: [OperationID]) -> JSONColumn<[OperationID]>? {
        ids.isEmpty ? nil : JSONColumn(ids)
    }

    /// A waiting operation that a request may adopt.
    package struct Adoptable: Sendable, Hashable {
        package let id: OperationID
        package let queue: QueueName
        /// A Boolean value that indicates whether its own queue is paused, so that it is fit only once it was moved.
        package let isPaused: Bool

        package init(id: OperationID, queue: QueueName, isPaused: Bool) {
            self.id = id
            self.queue = queue
            self.isPaused = isPaused
        }
    }

    /// Finds an operation of an identity that is about to run, without a lock: best effort, the claim folds what it
    /// misses.
    ///
    /// Nothing may keep it from running that would not keep the request's own operation: it was never started, so
    /// that all its attempts are left and no worker has died of it; it is ready, nobody wants its end, and it can be
    /// decoded. And it waits, or with the request's better lane will wait, in a queue that is not paused.
    /// - Parameters:
    ///   - key: The identity.
    ///   - queue: Where the request's own operation would wait.
    ///   - attempts: How many the request's own operation would have.
    ///   - session: Any.
    /// - Returns: The first that fits, of the few that are looked at.
    /// - Throws: `DatabaseError`.
    package static func adoptable(
        _ key: CoalescingKey,
        queue: QueueName,
        attempts: Int,
        on session: borrowing Session
    ) throws -> Adoptable? {
        let rows = try session.query(
            """
            SELECT found.*, \(sql: QueueStatements.isPaused("found.queue_name")) AS is_paused,
                \(sql: QueueStatements.isPaused("\(queue)")) AS is_better_paused
            FROM (
                SELECT \(sql: Operation.liveColumns)
                FROM work_queue FORCE INDEX (work_by_lookup)
                WHERE lookup_key = \(key) AND ready_at <= NOW(6)
                    AND cancel_requested_at IS NULL AND max_attempts >= \(attempts)
                LIMIT \(mostAdoptable)) AS found
            """
        )
        for row in rows {
            // One that cannot be decoded is skipped by workers: it would keep the request for ever.
            guard let waiting = try? Operation(row: row) else { continue }
            let (isPaused, isBetterPaused) = (
                try row.get("is_paused", as: Bool.self), try row.get("is_better_paused", as: Bool.self)
            )
            if queue.lane < waiting.queue.lane ? !isBetterPaused : !isPaused {
                return Adoptable(id: waiting.id, queue: waiting.queue, isPaused: isPaused)
            }
        }
        return nil
    }

    /// Waiting operations of one identity that are looked at: there is one as a rule, and one a lane at most unless
    /// callers want no dedup.
    private static let mostAdoptable = 8

    /// Moves a waiting operation to a better lane; a no-op when it no longer waits, waits in one as good, or the
    /// better one is paused by now.
    ///
    /// It leaves `ready_at` alone: a back-off is never shortened. It waits for nobody: a row that is locked is just
    /// being claimed, as a rule, and then its lane does not matter any more.
    /// - Returns: Whether it was moved.
    /// - Throws: `lockWaitTimeout` at once when somebody holds the row.
    package static func improveLane(
        of id: OperationID,
        to queue: QueueName,
        insteadOf worse: [Lane],
        on session: borrowing Session
    ) throws(DatabaseError) -> Bool {
        guard !worse.isEmpty else { return false }
        return try session.execute(
            """
            SET STATEMENT innodb_lock_wait_timeout = 0 FOR
            UPDATE work_queue FORCE INDEX (PRIMARY)
            SET lane = \(queue.lane), queue_name = \(queue)
            WHERE id = \(id) AND state = 'queued' AND lane IN (\(list: worse))
                AND NOT \(sql: QueueStatements.isPaused("\(queue)"))
            """
        ) == 1
    }

    /// Locks the live ones of some operations in share mode, ascending, so that none can end before our COMMIT.
    package static func lockLive(_ ids: [OperationID], in transaction: borrowing Transaction) throws -> Set<OperationID>
    {
        let locked = try ids.sorted().inLists { ids in
            try transaction.query(
                """
                SELECT id
                FROM work_queue FORCE INDEX (PRIMARY)
                WHERE id IN (\(list: ids))
                ORDER BY id
                LOCK IN SHARE MODE
                """
            ).map { try $0.only(OperationID.self) }
        }
        return Set(locked)
    }

    /// The states of those operations that have ended.
    package static func finishedStates(
        of ids: [OperationID],
        on session: borrowing Session
    ) throws -> [OperationID: OperationState] {
        let pairs = try ids.inLists { ids in
            try session.query("SELECT id, state FROM finished_operations WHERE id IN (\(list: ids))")
                .map { try $0.decode((OperationID, OperationState).self) }
        }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }

    /// Records the edges to dependencies that have not ended; each counts 1 in the dependent's `unmet`.
    ///
    /// By a procedure, which whoever enqueues may call without the right to write edges; it refuses more of them than
    /// the dependents count.
    package static func insertEdges(_ edges: [Edge], in transaction: borrowing Transaction) throws {
        _ = try edges.inLists { edges in [try transaction.execute("CALL record_edges(\(JSONColumn(edges)))")] }
    }

    /// Adds an operation to history, `aborted` at once, because it can never run.
    ///
    /// By a procedure, which whoever enqueues may call without the right to write history.
    /// - Throws: 1062 on `PRIMARY` for an id that is live or has ended.
    package static func insertAborted(
        _ plan: OperationPlan,
        unmet: Int,
        because reason: AbortReason,
        requester: String,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            CALL insert_aborted(
                \(plan.id), \(plan.kind), \(JSONColumn(plan.tasks)), \(plan.queue), \(plan.queue.lane),
                \(plan.target.network?.id), \(plan.target.network?.name), \(plan.target.node?.id),
                \(plan.target.node?.name), \(plan.target.interface), \(plan.parameters),
                \(list(plan.dependsOn)), \(list(plan.runsAfter)), \(requester), \(plan.deadline?.wholeMicroseconds),
                \(plan.maximumAttempts), \(plan.retryOf), \(plan.coalesceKey), \(plan.exclusiveKey), \(unmet),
                \(plan.delay.wholeMicroseconds), \(OperationOutcome.aborted(reason).failure.map { JSONColumn($0) }))
            """
        )
    }

    /// An operation that waits for another, as the procedure takes it.
    package struct Edge: Codable, Sendable {
        package let dependency: OperationID
        package let dependent: OperationID
        package let mustComplete: Bool

        package init(dependency: OperationID, dependent: OperationID, mustComplete: Bool) {
            self.dependency = dependency
            self.dependent = dependent
            self.mustComplete = mustComplete
        }

        package init(from decoder: any Decoder) throws {
            var values = try decoder.unkeyedContainer()
            dependency = try values.decode(OperationID.self)
            dependent = try values.decode(OperationID.self)
            mustComplete = try values.decode(Bool.self)
        }

        package func encode(to encoder: any Encoder) throws {
            var values = encoder.unkeyedContainer()
            try values.encode(dependency)
            try values.encode(dependent)
            try values.encode(mustComplete)
        }
    }
}
