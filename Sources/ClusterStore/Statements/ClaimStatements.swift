import ClusterModel
import DatabaseTime
import MariaDB

/// The statements by which a worker takes operations, and folds into them what waits for the same work.
///
/// Lock order: own operations by id, then followers by id. Every statement on a list of ids goes by primary key; on a
/// small table the optimizer would otherwise walk another index and wait for strangers' locks.
package enum ClaimStatements {
    /// The result of one read of the queues.
    package struct Heads: Sendable {
        package var candidates: [ClaimCandidate] = []
        /// Rows that this program cannot decode.
        package var unreadable: [QueueName: [UnreadableOperation]] = [:]
        /// The exclusive keys of targets that are being worked on, and that others wait for.
        package var busy: Set<String> = []
        /// A Boolean value that indicates whether there was more than may be read: then `candidates` are any of them,
        /// not the best.
        package var isCutOff = false
        /// The database's time.
        package var now = Timestamp(microseconds: 0)

        package init(
            candidates: [ClaimCandidate] = [],
            unreadable: [QueueName: [UnreadableOperation]] = [:],
            busy: Set<String> = [],
            isCutOff: Bool = false,
            now: Timestamp = Timestamp(microseconds: 0)
        ) {
            self.candidates = candidates
            self.unreadable = unreadable
            self.busy = busy
            self.isCutOff = isCutOff
            self.now = now
        }
    }

    /// The part of the queues that is read.
    package enum Look: Sendable, Hashable {
        /// All that waits, from one range of the index, as long as it is not more than `most`.
        ///
        /// A third of the cost of ``heads``, and on an idle cluster always enough.
        case everything(most: Int)
        /// The first operations of each queue whose target is free, at most so many of each: a busy target in front
        /// of a queue hides nothing behind it.
        ///
        /// Targets that were seen to be busy a moment ago need not be looked up again for each entry that is passed
        /// over.
        case heads(ofEach: Int, besides: Set<String> = [])
    }

    /// Reads what waits in queues, best queue first; locks nothing.
    ///
    /// Either look ends after as many entries as it is told, so the cost does not grow with the backlog. `FIELD`
    /// sorts what was found, at most `ranges × limit` rows; a locking read that sorted by it would lock the whole
    /// backlog.
    /// - Parameters:
    ///   - queues: in order of preference.
    ///   - look: how much is read.
    ///   - filter: what is passed over.
    ///   - session: any.
    /// - Returns: What was seen.
    /// - Throws: `DatabaseError`.
    package static func candidates(
        in queues: [QueueName],
        _ look: Look,
        _ filter: ClaimFilter = ClaimFilter(),
        on session: borrowing Session
    ) throws -> Heads {
        let rows = try session.query(candidatesQuery(in: queues, look, filter))
        var heads = Heads()
        if case .everything(let most) = look {
            // What comes of a mixed queue is its head in any case.
            let counted =
                filter.mixed.isEmpty ? rows : try rows.filter { try !filter.mixed.contains($0.get("queue_name")) }
            heads.isCutOff = counted.count > most
        }
        if let first = rows.first { heads.now = try first.get("seen_at") }
        for row in rows where try !row.get("is_paused", as: Bool.self) {
            if try row.get("is_busy") {
                heads.busy.insert(try row.get("exclusive_key"))
                continue
            }
            do {
                heads.candidates.append(try ClaimCandidate(row: row))
            } catch let error as DatabaseError {
                // One row that nobody can run must not keep the others from being run.
                let unreadable = UnreadableOperation(id: try row.get("id"), reason: "\(error)")
                heads.unreadable[try row.get("queue_name"), default: []].append(unreadable)
            }
        }
        return heads
    }

    /// Pauses are looked up for what was found, not for what is looked into.
    package static func candidatesQuery(
        in queues: [QueueName],
        _ look: Look,
        _ filter: ClaimFilter = ClaimFilter()
    ) -> SQL {
        let found: SQL =
            switch look {
            case .everything(let most):
                .joined(everything(in: queues, most: most, filter), separator: " UNION ALL ")
            case .heads(let limit, let busy):
                .joined(heads(of: queues, limit: limit, besides: busy, filter), separator: " UNION ALL ")
            }
        return """
            SELECT id, queue_name, ready_at, exclusive_key, tasks,
                exclusive_key IS NOT NULL AND EXISTS (
                    SELECT 1 FROM running_targets AS r WHERE r.exclusive_key = found.exclusive_key) AS is_busy,
                \(sql: QueueStatements.isPaused("found.queue_name")) AS is_paused,
                NOW(6) AS seen_at
            FROM (\(sql: found)) AS found
            ORDER BY FIELD(queue_name, \(list: queues)), ready_at, id
            """
    }

    /// One range over all queues that are not mixed, and the heads of those that are.
    private static func everything(in queues: [QueueName], most: Int, _ filter: ClaimFilter) -> [SQL] {
        let plain = queues.filter { !filter.mixed.contains($0) }
        let mixed = heads(of: queues.filter(filter.mixed.contains), limit: most, filter)
        guard !plain.isEmpty else { return mixed }
        let unreadable = plain.flatMap { filter.unreadable[$0] ?? [] }
        let all: SQL = """
            (SELECT id, queue_name, ready_at, exclusive_key, tasks
            FROM work_queue FORCE INDEX (claim)
            WHERE queue_name IN (\(list: plain)) AND state = 'queued' AND ready_at <= NOW(6)
                AND \(sql: filter.isForNode) \(sql: butNot(unreadable))
            LIMIT \(most + 1))
            """
        return [all] + mixed
    }

    /// Bracketed SELECTs, one for each queue, or for each queue and task: the first `limit` operations whose target
    /// is free.
    ///
    /// - Precondition: With a mixed queue the filter has tasks.
    package static func heads(
        of queues: [QueueName],
        limit: Int,
        besides busy: Set<String> = [],
        _ filter: ClaimFilter = ClaimFilter()
    ) -> [SQL] {
        queues.flatMap { queue -> [SQL] in
            let condition: SQL = "AND \(sql: filter.isForNode) \(sql: butNot(filter.unreadable[queue] ?? []))"
            guard filter.mixed.contains(queue) else {
                return [
                    head("FORCE INDEX (claim) WHERE queue_name = \(queue)", limit, besides: busy, condition)
                ]
            }
            return filter.tasks.map { task in
                let foreign = filter.lists.filter { $0.first == task }.map { JSONColumn($0) }
                let lists: SQL = foreign.isEmpty ? "" : "AND tasks NOT IN (\(list: foreign))"
                return head(
                    "FORCE INDEX (claim_by_task) WHERE queue_name = \(queue) AND first_task = \(task)",
                    limit,
                    besides: busy,
                    "\(sql: lists) \(sql: condition)"
                )
            }
        }
    }

    /// The targets are looked up one by one, by a subquery for a value: of a list MariaDB 11.8 reads them all.
    private static func head(_ range: SQL, _ limit: Int, besides busy: Set<String>, _ condition: SQL) -> SQL {
        let isKnown: SQL = busy.isEmpty ? "" : "exclusive_key NOT IN (\(list: busy.sorted())) AND"
        return """
            (SELECT id, queue_name, ready_at, exclusive_key, tasks
            FROM work_queue \(sql: range) AND state = 'queued' AND ready_at <= NOW(6)
                AND (exclusive_key IS NULL OR \(sql: isKnown) (
                    SELECT r.operation FROM running_targets AS r
                    WHERE r.exclusive_key = work_queue.exclusive_key) IS NULL)
                \(sql: condition)
            ORDER BY ready_at, id
            LIMIT \(limit))
            """
    }

    private static func butNot(_ ids: [OperationID]) -> SQL {
        ids.isEmpty ? "" : "AND id NOT IN (\(list: ids))"
    }

    /// Locks those of the picked operations that still wait and that the worker's node may take, as started at a
    /// moment; without one, at that of the statement.
    ///
    /// The node is asked for here and not only when the queues are read: one that is drained or removed meanwhile takes
    /// nothing more, and an operation belongs to the node's id, not to another machine that has its name now.
    /// - Returns: The operations as their handlers will see them, once ``start(_:by:at:in:)`` has written the
    ///   moment that they show, and those that cannot be decoded.
    /// - Throws: `lockWaitTimeout` when a row was waited for in vain.
    package static func lockWaiting(
        _ ids: [OperationID],
        for worker: WorkerIdentity,
        at moment: Timestamp? = nil,
        ifHeld held: RowLock,
        in transaction: borrowing Transaction
    ) throws -> (operations: [Operation], unreadable: [UnreadableOperation]) {
        let rows = try transaction.query(
            """
            SELECT \(sql: Operation.columns(takenBy: worker, at: moment))
            FROM work_queue FORCE INDEX (PRIMARY)
            WHERE id IN (\(list: ids)) AND state = 'queued' AND ready_at <= NOW(6)
                AND (node IS NULL OR node = \(worker.nodeID))
                AND EXISTS (SELECT 1 FROM nodes WHERE nodes.id = \(worker.nodeID) AND nodes.state = 'active')
            ORDER BY id
            FOR UPDATE \(sql: held.clause)
            """
        )
        return try UnreadableOperation.sortOut(rows)
    }

    /// Marks locked operations as executing, whose exclusive targets have been taken.
    ///
    /// - Throws: `DatabaseError`; a conflict, so that the transaction begins again, where one of them waits no more:
    ///   then the lock was lost, and the server has not said so.
    package static func start(
        _ ids: [OperationID],
        by worker: WorkerIdentity,
        at moment: Timestamp,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        let started = try transaction.execute(
            """
            UPDATE work_queue FORCE INDEX (PRIMARY)
            SET state = 'executing', session = \(worker.session), worker_node = \(worker.node),
                worker_pid = \(worker.pid), deliveries = deliveries + 1, claimed_at = \(moment), started_at = \(moment),
                waited = \(sql: OperationColumns.waited(until: "\(moment)"))
            WHERE id IN (\(list: ids)) AND state = 'queued'
            """
        )
        guard started == ids.count else { throw .conflict("operations that were locked wait no more") }
    }

    /// Finds waiting operations of some identities that were never started, without a lock.
    ///
    /// Only a never started one may follow, so that there are no chains of followers.
    package static func waitingSiblings(
        of keys: [CoalescingKey],
        on session: borrowing Session
    ) throws -> [OperationID] {
        try session.query(
            """
            SELECT id
            FROM work_queue FORCE INDEX (work_by_lookup)
            WHERE lookup_key IN (\(list: keys)) AND ready_at <= NOW(6)
            LIMIT \(mostFoldedAtOnce)
            """
        ).map { try $0.only() }
    }

    /// Followers that one claim takes; what is left is found by the next.
    ///
    /// 1,000 take 36 ms.
    package static let mostFoldedAtOnce = 1000

    /// Locks those of the siblings that still wait, and tells their identities.
    package static func lockSiblings(
        _ ids: [OperationID],
        in transaction: borrowing Transaction
    ) throws -> [(id: OperationID, key: CoalescingKey, task: TaskName)] {
        try transaction.query(
            """
            SELECT id, coalesce_key, tasks
            FROM work_queue FORCE INDEX (PRIMARY)
            WHERE id IN (\(list: ids)) AND state = 'queued' AND deliveries = 0 AND coalesce_key IS NOT NULL
            ORDER BY id
            FOR UPDATE SKIP LOCKED
            """
        ).compactMap { row in
            // One that cannot be decoded follows nobody; it is found out when it is a candidate itself.
            guard let task = try? row.get("tasks", as: JSONColumn<[TaskName]>.self).value.first else { return nil }
            return (try row.get("id"), try row.get("coalesce_key"), task)
        }
    }

    /// Makes locked siblings followers of a primary, which started at a moment: their wait ends with it.
    package static func fold(
        _ ids: [OperationID],
        into primary: OperationID,
        startedAt moment: Timestamp,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        guard !ids.isEmpty else { return }
        try transaction.execute(
            """
            UPDATE work_queue FORCE INDEX (PRIMARY)
            SET state = 'folded', folded_into = \(primary), folded_at = NOW(6),
                waited = \(sql: OperationColumns.waited(until: "\(moment)"))
            WHERE id IN (\(list: ids))
            """
        )
    }
}

extension ClaimCandidate {
    fileprivate init(row: Row) throws {
        self.init(
            id: try row.get("id"),
            queue: try row.get("queue_name"),
            readyAt: try row.get("ready_at"),
            exclusiveKey: try row.get("exclusive_key"),
            tasks: try Operation.tasks(of: row)
        )
    }
}

extension ClaimFilter {
    /// A condition on a row: it names no node, or the worker's own.
    fileprivate var isForNode: SQL { "(node IS NULL OR node = \(node))" }
}
