import ClusterModel
import DatabaseTime
import MariaDB

/// The statements on operations that are for one node, by the node's id: another node of the name is not the one that
/// they are for.
package enum NodeWorkStatements {
    /// Live operations for a node, by kind and state.
    package struct Count: Sendable, Hashable {
        package let kind: TaskKind
        package let state: OperationState
        package let count: Int
    }

    /// The number at which counting stops: an operator who reads "10,000 or more" knows enough.
    package static let mostCounted = 10_000

    /// Counts the live operations for a node, up to `mostCounted` of each kind's queues.
    package static func counts(of node: NodeID, named name: NodeName, on session: borrowing Session) throws -> [Count] {
        try session.query(
            """
            SELECT kind, state, COUNT(*) AS count
            FROM (\(sql: work(of: node, named: name, columns: "kind, state", limit: mostCounted))) AS work
            GROUP BY kind, state ORDER BY kind, state
            """
        ).map { row in
            Count(kind: try row.get("kind"), state: try row.get("state"), count: try row.get("count"))
        }
    }

    /// Some commands that are for a node, to be named.
    package static func someCommands(
        of node: NodeID,
        named name: NodeName,
        limit: Int,
        on session: borrowing Session
    ) throws -> [OperationID] {
        let condition: SQL = "AND kind = 'command'"
        return try session.query(work(of: node, named: name, columns: "id", condition, limit: limit))
            .map { try $0.only() }
    }

    /// An operation for a node, under its lock.
    package struct Standing: Sendable, Hashable {
        package let id: OperationID
        /// A Boolean value that indicates whether a session runs it that nobody has marked dead.
        package let isHeld: Bool
    }

    /// Locks some live operations for a node; those that ride on another one only when no others are left, because
    /// they end with it.
    package static func lock(
        of node: NodeID,
        named name: NodeName,
        limit: Int,
        in transaction: borrowing Transaction
    ) throws -> [Standing] {
        var ids: [OperationID] = []
        for condition: SQL in ["AND state <> 'folded'", ""] where ids.isEmpty {
            ids = try transaction.query(work(of: node, named: name, columns: "id", condition, limit: limit))
                .map { try $0.only() }
        }
        return try ids.inLists { ids in
            try transaction.query(
                """
                SELECT w.id, w.state = 'executing' AND EXISTS (
                    SELECT 1 FROM sessions AS s WHERE s.id = w.session AND s.dead = FALSE) AS is_held
                FROM work_queue AS w FORCE INDEX (PRIMARY)
                WHERE w.id IN (\(list: ids))
                ORDER BY w.id
                FOR UPDATE
                """
            ).map { row in Standing(id: try row.get("id"), isHeld: try row.get("is_held")) }
        }
    }

    /// An operation that a node runs.
    package struct Run: Sendable, Hashable {
        package let id: OperationID
        /// The first of its tasks; nil when its row cannot be read.
        package let task: TaskName?
        package let since: Timestamp
        /// A Boolean value that indicates whether nobody has marked the session dead that runs it.
        package let isHeld: Bool
    }

    /// Reads the operations that processes of a node run, those first that have run for longest.
    ///
    /// An operation whose process has died is among them until it is back in its queue.
    package static func runs(on node: NodeID, limit: Int, on session: borrowing Session) throws -> [Run] {
        try session.query(
            """
            SELECT w.id, w.tasks, COALESCE(w.started_at, w.claimed_at, w.ready_at) AS since, s.dead = FALSE AS is_held
            FROM sessions AS s JOIN work_queue AS w FORCE INDEX (work_by_session) ON w.session = s.id
            WHERE s.node = \(node) ORDER BY since, w.id LIMIT \(limit)
            """
        ).map { row in
            Run(
                id: try row.get("id"),
                task: (try? row.get("tasks", as: JSONColumn<[TaskName]>.self))?.value.first,
                since: try row.get("since"),
                isHeld: try row.get("is_held")
            )
        }
    }

    /// All of a node waits in the queues of its name, where what was for another node of the name may wait too.
    private static func work(
        of node: NodeID,
        named name: NodeName,
        columns: SQL,
        _ condition: SQL = "",
        limit: Int
    ) -> SQL {
        let queues = QueueName.claimOrder(targets: [.node(name), .nodeNetwork(name)])
        return """
            SELECT \(sql: columns) FROM work_queue FORCE INDEX (claim)
            WHERE queue_name IN (\(list: queues)) AND node = \(node) \(sql: condition)
            LIMIT \(limit)
            """
    }

    /// Keeps everybody from removing some nodes until COMMIT; returns those that are there.
    package static func hold(_ nodes: [NodeID], in transaction: borrowing Transaction) throws -> Set<NodeID> {
        let ids = try nodes.sorted().inLists { nodes in
            try transaction.query(
                "SELECT id FROM nodes FORCE INDEX (PRIMARY) WHERE id IN (\(list: nodes)) ORDER BY id LOCK IN SHARE MODE"
            ).map { try $0.only(NodeID.self) }
        }
        return Set(ids)
    }

    /// Returns whether a node was removed.
    package static func isGone(_ node: NodeID, on session: borrowing Session) throws -> Bool {
        try session.query("SELECT 1 FROM nodes WHERE id = \(node)").isEmpty
    }

    /// Live operations of one node that is not there any more.
    package struct Stranded: Sendable, Hashable {
        package let node: String
        package let count: Int
        package let example: OperationID
    }

    /// Counts the operations that wait for nodes that were removed, among the newest live operations.
    package static func stranded(
        among examined: Int,
        limit: Int,
        on session: borrowing Session
    ) throws -> [Stranded] {
        try session.query(
            """
            SELECT w.node_name, COUNT(*) AS count, MIN(w.id) AS example
            FROM (
                SELECT id, node, node_name FROM work_queue FORCE INDEX (work_by_age)
                ORDER BY enqueued_at DESC, id DESC LIMIT \(examined)) AS w
                LEFT JOIN nodes AS n ON n.id = w.node
            WHERE w.node IS NOT NULL AND n.id IS NULL
            GROUP BY w.node, w.node_name LIMIT \(limit)
            """
        ).map { row in
            Stranded(
                node: try row.get("node_name", as: String?.self) ?? "?",
                count: try row.get("count"),
                example: try row.get("example")
            )
        }
    }
}
