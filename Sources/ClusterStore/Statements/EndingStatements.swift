import ClusterModel
import DatabaseTime
import MariaDB

/// The statements by which operations end, with what rides on them and what waits for them.
///
/// Lock order: own operations by id, followers by id, dependents by id.
package enum EndingStatements {
    /// Locks the claims that still are what the worker believes.
    package static func lockClaims(
        _ ids: [OperationID],
        of session: SessionID,
        ifHeld held: RowLock,
        in transaction: borrowing Transaction
    ) throws -> [(id: OperationID, delivery: Int, isExclusive: Bool)] {
        try transaction.query(
            """
            SELECT id, deliveries, exclusive_key IS NOT NULL
            FROM work_queue FORCE INDEX (PRIMARY)
            WHERE id IN (\(list: ids)) AND state = 'executing' AND session = \(session)
            ORDER BY id
            FOR UPDATE \(sql: held.clause)
            """
        ).map { try $0.decode((OperationID, Int, Bool).self) }
    }

    /// Tells whether claims stand, waiting for nobody's lock: what `lockClaims` skipped is locked if it is here, and
    /// lost if not.
    package static func standingClaims(
        _ ids: [OperationID],
        of session: SessionID,
        on connection: borrowing Session
    ) throws -> [(id: OperationID, delivery: Int)] {
        try connection.query(
            """
            SELECT id, deliveries
            FROM work_queue FORCE INDEX (PRIMARY)
            WHERE id IN (\(list: ids)) AND state = 'executing' AND session = \(session)
            """
        ).map { try $0.decode((OperationID, Int).self) }
    }

    /// Waiters that are read with what an end concerns; it is not held up by more, who are found after it.
    private static let mostWaiters = 1000

    /// Reads what the ends of some operations concern besides, in one statement; the caller has locked them.
    ///
    /// - Returns: What rides on them, and whether anything depends on their ends. Under their locks neither can become
    ///   more: who folds locks the primary, and who adds an edge locks what it depends on. And some of those who wait
    ///   for them, as yet: nothing keeps others from doing so.
    package static func concerned(
        byEndsOf primaries: [OperationID],
        in transaction: borrowing Transaction
    ) throws -> (followers: [OperationID], haveDependents: Bool, waiters: [WaiterStatements.Waiter]) {
        let found = try primaries.inLists { primaries in
            try transaction.query(
                """
                (SELECT id, NULL AS doorbell FROM work_queue FORCE INDEX (work_by_lookup)
                WHERE lookup_key IN (\(list: primaries.map(\.followerKey))))
                UNION ALL
                (SELECT NULL, NULL FROM operation_dependencies FORCE INDEX (PRIMARY)
                WHERE dependency IN (\(list: primaries)) LIMIT 1)
                UNION ALL
                (\(sql: WaiterStatements.waitersQuery(for: primaries)) LIMIT \(mostWaiters))
                """
            ).map { try $0.decode((OperationID?, String?).self) }
        }
        let waiters = found.compactMap { id, doorbell in
            id.flatMap { id in doorbell.map { WaiterStatements.Waiter(operation: id, doorbell: $0) } }
        }
        let followers = found.compactMap { id, doorbell in doorbell == nil ? id : nil }.sorted()
        return (followers, found.contains { $0.0 == nil }, waiters)
    }

    /// Locks followers whose primaries the caller has locked.
    package static func lockFollowers(
        _ ids: [OperationID],
        in transaction: borrowing Transaction
    ) throws -> [PrimaryEnd.Follower] {
        try ids.inLists { ids in
            try transaction.query(
                """
                SELECT id, folded_into, tasks, folded_at
                FROM work_queue FORCE INDEX (PRIMARY)
                WHERE id IN (\(list: ids)) AND state = 'folded'
                ORDER BY id
                FOR UPDATE
                """
            ).map { row in
                PrimaryEnd.Follower(
                    id: try row.get("id"),
                    primary: try row.get("folded_into"),
                    task: (try? Operation.tasks(of: row))?.first,
                    foldedAt: try row.get("folded_at")
                )
            }
        }
    }

    /// Copies locked operations into history with their outcome.
    ///
    /// A follower takes over when its primary started, and
    /// who ran it.
    package static func copyToHistory(
        _ ids: [OperationID],
        outcome: OperationOutcome,
        in transaction: borrowing Transaction
    ) throws {
        _ = try ids.inLists { ids in [try transaction.execute(copy(ids, outcome))] }
    }

    /// The columns that an end sets, in the order in which ``copy(_:_:)`` gives their values.
    private static let endColumns: [SQL] =
        ["state", "failures", "session", "worker_node", "worker_pid", "claimed_at", "started_at"] + OperationColumns.end
    private static let keptColumns = (OperationColumns.requested + OperationColumns.progress).filter {
        !endColumns.contains($0)
    }
    /// Joined once, not by each end.
    private static let historyList = OperationColumns.list(keptColumns + endColumns)
    private static let keptList = OperationColumns.list(keptColumns.map { "w.\(sql: $0)" })

    private static func copy(_ ids: [OperationID], _ outcome: OperationOutcome) -> SQL {
        """
        INSERT INTO finished_operations (\(sql: historyList))
        SELECT \(sql: keptList),
            \(outcome.state), w.failures + \(outcome.countsAsFailure), COALESCE(w.session, s.session),
            COALESCE(w.worker_node, s.worker_node), COALESCE(w.worker_pid, s.worker_pid),
            COALESCE(w.claimed_at, s.claimed_at), COALESCE(w.started_at, s.started_at),
            NOW(6), \(outcome.failure.map { JSONColumn($0) }), \(outcome.result), \(outcome.resultOmitted)
        FROM work_queue AS w FORCE INDEX (PRIMARY)
            LEFT JOIN work_queue AS s FORCE INDEX (PRIMARY) ON s.id = w.folded_into
        WHERE w.id IN (\(list: ids))
        """
    }

    /// Removes locked operations, which are in history, from the queue.
    ///
    /// - Throws: `DatabaseError`; a conflict, so that the transaction begins again, where one of them is not in both:
    ///   then what the transaction has done so far was lost, and the server has not said so.
    package static func delete(_ ids: [OperationID], in transaction: borrowing Transaction) throws(DatabaseError) {
        let deleted = try transaction.delete(from: "work_queue", by: "id", ids, ifAlsoIn: "finished_operations")
        guard deleted == Set(ids).count else {
            throw .conflict("operations that were to end are not in queue and history")
        }
    }

    /// An operation that waits for another one.
    package struct Edge: Sendable, Hashable {
        package let dependency: OperationID
        package let dependent: OperationID
        package let mustComplete: Bool

        package init(dependency: OperationID, dependent: OperationID, mustComplete: Bool) {
            self.dependency = dependency
            self.dependent = dependent
            self.mustComplete = mustComplete
        }
    }

    /// Reads the dependencies on ended operations, at most so many, in no order; and whether there were more.
    package static func edges(
        from dependencies: [OperationID],
        limit: Int,
        in transaction: borrowing Transaction
    ) throws -> (edges: [Edge], isCut: Bool) {
        let most = limit == .max ? limit : limit + 1
        var edges: [Edge] = []
        _ = try dependencies.inLists { dependencies -> [Edge] in
            guard edges.count < most else { return [] }
            edges += try transaction.query(
                """
                SELECT dependency, dependent, must_complete
                FROM operation_dependencies FORCE INDEX (PRIMARY)
                WHERE dependency IN (\(list: dependencies))
                LIMIT \(most - edges.count)
                """
            ).map { row in
                let (dependency, dependent, mustComplete) = try row.decode((OperationID, OperationID, Bool).self)
                return Edge(dependency: dependency, dependent: dependent, mustComplete: mustComplete)
            }
            return []
        }
        return (Array(edges.prefix(limit)), edges.count > limit)
    }

    /// For how many operations each of some still waits.
    package static func edgeCounts(
        into dependents: [OperationID],
        in transaction: borrowing Transaction
    ) throws -> [OperationID: Int] {
        let pairs = try dependents.inLists { dependents in
            try transaction.query(
                """
                SELECT dependent, COUNT(*) FROM operation_dependencies FORCE INDEX (dependencies_of)
                WHERE dependent IN (\(list: dependents)) GROUP BY dependent
                """
            ).map { try $0.decode((OperationID, Int).self) }
        }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }

    package static func deleteEdges(
        _ edges: [(dependency: OperationID, dependent: OperationID)],
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        guard !edges.isEmpty else { return }
        let pairs = "[" + edges.map { "[\"\($0.dependency)\",\"\($0.dependent)\"]" }.joined(separator: ",") + "]"
        try transaction.execute(
            """
            DELETE w FROM JSON_TABLE(\(pairs), '$[*]' COLUMNS (
                dependency CHAR(36) CHARACTER SET ascii PATH '$[0]',
                dependent CHAR(36) CHARACTER SET ascii PATH '$[1]')) AS e
                STRAIGHT_JOIN operation_dependencies AS w FORCE INDEX (PRIMARY)
                ON w.dependency = e.dependency AND w.dependent = e.dependent
            """
        )
    }

    /// The edges by which operations still wait; they are about to end without them.
    package static func edges(
        into dependents: [OperationID],
        in transaction: borrowing Transaction
    ) throws -> [(dependency: OperationID, dependent: OperationID)] {
        try dependents.inLists { dependents in
            try transaction.query(
                """
                SELECT dependency, dependent FROM operation_dependencies FORCE INDEX (dependencies_of)
                WHERE dependent IN (\(list: dependents))
                """
            ).map { try $0.decode((OperationID, OperationID).self) }
        }
    }

    /// Takes ended dependencies off blocked operations, in the given order; one that has none left is ready.
    ///
    /// A single-table UPDATE for all that lose as many: MariaDB then assigns from left to right, so `unmet` is the new
    /// one in what follows; and it takes off the *number* of edges, where a join would take off one for two parents.
    package static func release(
        _ dependents: [(id: OperationID, ended: Int)],
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        for (ended, alike) in Dictionary(grouping: dependents, by: \.ended).sorted(by: { $0.key < $1.key }) {
            var rest = alike.map(\.id)[...]
            while !rest.isEmpty {
                let ids = Array(rest.prefix(Array<OperationID>.longestList))
                try transaction.execute(
                    """
                    UPDATE work_queue FORCE INDEX (PRIMARY)
                    SET unmet = unmet - \(ended),
                        state = IF(unmet = 0, 'queued', state),
                        ready_set_at = IF(unmet = 0 AND ready_at <= NOW(6), NOW(6), ready_set_at),
                        ready_at = IF(unmet = 0, GREATEST(ready_at, NOW(6)), ready_at)
                    WHERE id IN (\(list: ids)) AND state = 'blocked'
                    """
                )
                rest = rest.dropFirst(ids.count)
            }
        }
    }

    /// Locks blocked operations that are to be aborted; one that has just become ready by the same ends counts as well.
    package static func lockBlocked(
        _ ids: [OperationID],
        in transaction: borrowing Transaction
    ) throws -> [OperationID] {
        try ids.inLists { ids in
            try transaction.query(
                """
                SELECT id FROM work_queue FORCE INDEX (PRIMARY)
                WHERE id IN (\(list: ids)) AND state IN ('blocked', 'queued')
                ORDER BY id
                FOR UPDATE
                """
            ).map { try $0.only() }
        }
    }

    /// The queues of those operations that may run now.
    package static func readyQueues(
        of ids: [OperationID],
        in transaction: borrowing Transaction
    ) throws -> Set<QueueName> {
        let queues = try ids.inLists { ids in
            try transaction.query(
                """
                SELECT DISTINCT queue_name FROM work_queue FORCE INDEX (PRIMARY)
                WHERE id IN (\(list: ids)) AND state = 'queued'
                """
            ).compactMap { row in
                // A name that does not parse is no worker's: there is nobody to be woken.
                try? row.only(QueueName.self)
            }
        }
        return Set(queues)
    }

    /// Gives a locked claim back to its queue; the records of its attempts stay.
    ///
    /// Without a pause it keeps its place: its next start is late by what the last worker has cost it, and is not put
    /// behind all that has come since. It waits from now on all the same: while a worker had it, it did not.
    package static func requeue(
        _ id: OperationID,
        _ requeue: Requeue,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            UPDATE work_queue FORCE INDEX (PRIMARY)
            SET state = 'queued', session = NULL,
                failures = failures + \(requeue.failures), defer_count = defer_count + \(requeue.deferrals),
                ready_at = IF(\(requeue.pause == .zero), ready_at,
                    NOW(6) + INTERVAL \(requeue.pause.wholeMicroseconds) MICROSECOND),
                ready_set_at = NOW(6), attempt_history = \(JSONColumn(requeue.history))
            WHERE id = \(id)
            """
        )
    }

    /// Reads what a verdict needs of a locked operation, and the database's time.
    package static func standing(
        of id: OperationID,
        in transaction: borrowing Transaction
    ) throws -> (AttemptStanding, now: Timestamp)? {
        let rows = try transaction.query(
            """
            SELECT \(sql: AttemptStanding.columns), NOW(6) AS seen_at
            FROM work_queue FORCE INDEX (PRIMARY) WHERE id = \(id) FOR UPDATE
            """
        )
        guard let row = rows.first else { return nil }
        return (try AttemptStanding(row: row), try row.get("seen_at"))
    }

    /// The lanes of what rides on some primaries.
    package static func followersLanes(
        of primaries: [OperationID],
        in transaction: borrowing Transaction
    ) throws -> [OperationID: Set<Lane>] {
        let pairs = try primaries.inLists { primaries in
            try transaction.query(
                """
                SELECT DISTINCT folded_into, lane FROM work_queue FORCE INDEX (work_by_lookup)
                WHERE lookup_key IN (\(list: primaries.map(\.followerKey)))
                """
            ).map { try $0.decode((OperationID, Lane).self) }
        }
        return Dictionary(grouping: pairs, by: \.0).mapValues { Set($0.map(\.1)) }
    }

    /// Moves a locked operation that waits to another lane, unless that one is paused; returns whether it was moved.
    package static func move(
        _ id: OperationID,
        to queue: QueueName,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) -> Bool {
        try transaction.execute(
            """
            UPDATE work_queue FORCE INDEX (PRIMARY)
            SET lane = \(queue.lane), queue_name = \(queue)
            WHERE id = \(id) AND state = 'queued' AND NOT \(sql: QueueStatements.isPaused("\(queue)"))
            """
        ) == 1
    }
}
