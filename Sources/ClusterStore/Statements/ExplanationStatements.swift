import ClusterModel
import DatabaseTime
import MariaDB

/// The statements that tell what keeps one operation from running; each is bounded, however long the backlog.
package enum ExplanationStatements {
    /// Reads the dependencies for which an operation still waits, by id.
    package static func dependencies(
        of id: OperationID,
        on session: borrowing Session
    ) throws -> [ExplanationFacts.Dependency] {
        try session.query(
            """
            SELECT d.dependency, d.must_complete, COALESCE(w.state, c.state) AS state
            FROM operation_dependencies AS d FORCE INDEX (dependencies_of)
                LEFT JOIN work_queue AS w FORCE INDEX (PRIMARY) ON w.id = d.dependency
                LEFT JOIN cascades AS c ON c.dependency = d.dependency
            WHERE d.dependent = \(id)
            ORDER BY d.dependency
            """
        ).map { row in
            ExplanationFacts.Dependency(
                id: try row.get("dependency"),
                mustComplete: try row.get("must_complete"),
                state: try row.get("state")
            )
        }
    }

    /// The operation that another one rides on, as far as an explanation names it.
    package static func primary(_ id: OperationID, on session: borrowing Session) throws -> ExplanationFacts.Primary? {
        try session.query(
            "SELECT state, started_at, worker_node FROM work_queue FORCE INDEX (PRIMARY) WHERE id = \(id)"
        ).first.map { row in
            ExplanationFacts.Primary(
                id: id,
                state: try row.get("state"),
                startedAt: try row.get("started_at"),
                node: try? row.get("worker_node")
            )
        }
    }

    /// Reads what is known of an operation whose row cannot be decoded.
    package static func outline(of id: OperationID, on session: borrowing Session) throws -> UnreadableOutline? {
        let row = try session.query(
            """
            SELECT state, queue_name, session, cancel_requested_at IS NOT NULL AS is_cancel_requested
            FROM work_queue FORCE INDEX (PRIMARY) WHERE id = \(id)
            UNION ALL
            SELECT state, queue_name, session, cancel_requested_at IS NOT NULL FROM finished_operations WHERE id = \(id)
            """
        ).first
        guard let row else { return nil }
        var outline = UnreadableOutline(
            id: id,
            state: try row.get("state"),
            queueName: try row.get("queue_name"),
            isCancelRequested: try row.get("is_cancel_requested")
        )
        if outline.state == .executing { outline.isWorkerGone = try isGone(try row.get("session"), on: session) }
        return outline
    }

    /// Returns whether the session that executes something has died, or its lease is over.
    package static func isGone(_ id: SessionID?, on session: borrowing Session) throws -> Bool {
        try session.query("SELECT 1 FROM sessions WHERE id = \(id) AND \(sql: LeaseTime.isLive())").isEmpty
    }

    /// Reads the time at which it was decided until when a waiting operation waits; nil for one that is not live.
    package static func readySetAt(_ id: OperationID, on session: borrowing Session) throws -> Timestamp? {
        try session.query("SELECT ready_set_at FROM work_queue FORCE INDEX (PRIMARY) WHERE id = \(id)").first?.only()
    }

    /// Those that drain the queue of an operation: living, on nodes that take new work, able to run all its tasks.
    ///
    /// `elected` is the node that drains the queues of the elected network node.
    package static func workers(
        for operation: Operation,
        elected: NodeName?,
        on session: borrowing Session
    ) throws -> ExplanationFacts.Workers {
        let daemon: DaemonName
        var place: SQL = ""
        switch operation.queue.target {
        case .networkNode:
            guard let elected else { return ExplanationFacts.Workers() }
            daemon = .netnode
            place = "AND s.node_name = \(elected)"
        case .nodeNetwork(let node):
            daemon = .netnode
            place = "AND s.node_name = \(node)"
        case .node(let node):
            daemon = .queueworker
            place = "AND s.node_name = \(node)"
        case .any: daemon = .queueworker
        }
        // What is built in is registered by nobody, and run by every daemon of its kind.
        let commands = Set(operation.tasks.filter { BuiltInTask(rawValue: $0.description) == nil })
        let able: SQL =
            commands.isEmpty
            ? "TRUE"
            : """
            (SELECT COUNT(DISTINCT r.name) FROM registered_tasks AS r
            WHERE r.node = s.node AND r.session IN (s.id, \(sql: TaskStatements.noSession))
                AND r.obstacle IS NULL AND r.name IN (\(list: commands.sorted()))) = \(commands.count)
            """
        let row = try session.query(
            """
            SELECT COUNT(IF(is_live, 1, NULL)) AS living, COUNT(IF(is_live, NULL, 1)) AS silent,
                COUNT(IF(is_active, 1, NULL)) AS active, COUNT(IF(is_able, 1, NULL)) AS able,
                CAST(SUM(IF(is_able, slots, 0)) AS SIGNED) AS slots,
                CAST(SUM(IF(is_able, GREATEST(0, CAST(slots AS SIGNED) - runs), 0)) AS SIGNED) AS free,
                COUNT(IF(is_able AND slots IS NULL, 1, NULL)) AS untold
            FROM (
                SELECT s.slots, \(sql: LeaseTime.runs("s.")) AS is_live,
                    \(sql: LeaseTime.runs("s.")) AND n.state <=> 'active' AS is_active,
                    \(sql: LeaseTime.runs("s.")) AND n.state <=> 'active' AND \(sql: able) AS is_able,
                    (SELECT COUNT(*) FROM work_queue AS w FORCE INDEX (work_by_session) WHERE w.session = s.id) AS runs
                FROM sessions AS s LEFT JOIN nodes AS n ON n.id = s.node
                WHERE s.daemon = \(daemon) AND s.dead = FALSE \(sql: place)) AS workers
            """
        )[0]
        let tellsSlots = try row.get("untold", as: Int.self) == 0
        return ExplanationFacts.Workers(
            living: try row.get("living"),
            silent: try row.get("silent"),
            active: try row.get("active"),
            able: try row.get("able"),
            slots: tellsSlots ? try row.get("slots") : nil,
            free: tellsSlots ? try row.get("free") : nil
        )
    }

    /// Returns whether the row of a waiting operation is one that a claim would skip, because transactions of others
    /// hold it.
    ///
    /// It holds the row itself for the moment that it takes to ask.
    package static func isHeld(_ id: OperationID, on session: borrowing Session) throws -> Bool {
        let waits = try session.query("SELECT 1 FROM work_queue WHERE id = \(id) AND state = 'queued'")
        let free = try session.query(
            "SELECT id FROM work_queue FORCE INDEX (PRIMARY) WHERE id = \(id) FOR UPDATE SKIP LOCKED"
        )
        return !waits.isEmpty && free.isEmpty
    }

    /// Counts the operations of the same target that go before one: those of its queue that were ready earlier, and
    /// those of better lanes; up to a limit.
    package static func ahead(of operation: Operation, limit: Int, on session: borrowing Session) throws -> Int {
        try session.query(aheadQuery(of: operation, limit: limit))[0].only()
    }

    package static func aheadQuery(of operation: Operation, limit: Int) -> SQL {
        let queue = operation.queue
        var branches: [SQL] = Lane.allCases.filter { $0 < queue.lane }.map { lane in
            """
            (SELECT 1 FROM work_queue FORCE INDEX (claim)
            WHERE queue_name = \(QueueName(queue.target, lane)) AND state = 'queued' AND ready_at <= NOW(6)
            LIMIT \(limit))
            """
        }
        branches.append(
            """
            (SELECT 1 FROM work_queue FORCE INDEX (claim)
            WHERE queue_name = \(queue) AND state = 'queued' AND ready_at <= \(operation.readyAt)
                AND (ready_at < \(operation.readyAt) OR id < \(operation.id))
            LIMIT \(limit))
            """
        )
        return """
            SELECT LEAST(COUNT(*), \(limit)) FROM (\(sql: .joined(branches, separator: " UNION ALL "))) AS counted
            """
    }
}
