import MariaDB

/// The statements that bring operations into the queue.
enum EnqueueStatements {
    /// Adds operations; those with an `unmet` above 0 are blocked.
    ///
    /// A duplicate id throws 1062 on `PRIMARY`; what then counts is the content, see `IdempotentEnqueue`.
    static func insert(
        _ plans: [(plan: OperationPlan, unmet: Int)],
        requester: String,
        on session: borrowing Session
    )
        throws(DatabaseError)
    {
        try session.executeBatch(plans) { insertion($0.plan, unmet: $0.unmet, requester) }
    }

    private static func insertion(_ plan: OperationPlan, unmet: Int, _ requester: String) -> SQL {
        """
        INSERT INTO work_queue (
            id, kind, tasks, queue_name, lane, network, network_name, node, node_name, interface, parameters,
            depends_on, runs_after, requester, deadline, max_attempts, retry_of, coalesce_key, exclusive_key, state,
            unmet, enqueued_at, ready_at)
        VALUES (
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

    /// Finds a waiting operation of an identity, without a lock: best effort, the claim folds what it misses.
    static func waitingOperation(
        _ key: CoalescingKey,
        on session: borrowing Session
    ) throws -> (id: OperationID, queue: QueueName)? {
        let rows = try session.query(
            """
            SELECT id, queue_name
            FROM work_queue FORCE INDEX (waiting_siblings)
            WHERE coalesce_key = \(key) AND state = 'queued'
            LIMIT 1
            """
        )
        return try rows.first?.decode((OperationID, QueueName).self)
    }

    /// Moves a waiting operation to a better lane; a no-op when it no longer waits, or waits in one as good.
    ///
    /// It leaves `ready_at` alone: a back-off is never shortened. It waits for nobody: a row that is locked is just being
    /// claimed, as a rule, and then its lane does not matter any more.
    /// - Throws: `lockWaitTimeout` at once when somebody holds the row.
    static func improveLane(
        of id: OperationID,
        to queue: QueueName,
        insteadOf worse: [Lane],
        on session: borrowing Session
    ) throws(DatabaseError) {
        guard !worse.isEmpty else { return }
        try session.execute(
            """
            SET STATEMENT innodb_lock_wait_timeout = 0 FOR
            UPDATE work_queue FORCE INDEX (PRIMARY)
            SET lane = \(queue.lane), queue_name = \(queue)
            WHERE id = \(id) AND state = 'queued' AND lane IN (\(list: worse))
            """
        )
    }

    /// Locks the live ones of some operations in share mode, ascending, so that none can end before our COMMIT.
    static func lockLive(_ ids: [OperationID], in transaction: borrowing Transaction) throws -> Set<OperationID> {
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
    static func finishedStates(
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
    static func insertEdges(
        _ edges: [(dependency: OperationID, dependent: OperationID, mustComplete: Bool)],
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.executeBatch(edges) {
            """
            INSERT INTO operation_dependencies (dependency, dependent, must_complete)
            VALUES (\($0.dependency), \($0.dependent), \($0.mustComplete))
            """
        }
    }
}

extension Duration {
    /// Microseconds, the unit of the database's clock; what is finer is dropped.
    var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    init(wholeMicroseconds: Int64) {
        self = .microseconds(wholeMicroseconds)
    }
}
