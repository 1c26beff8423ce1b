import ClusterModel
import MariaDB

/// The statements on what the cluster's workers can run.
///
/// Each session registers for itself: a second process of a node replaces nothing of the first. Registrations outlive
/// their session, so that a task stays known while its only worker restarts; where a living session registers the
/// same task, only those of living sessions count.
package enum TaskStatements {
    /// The session of rows that name none; the default of the column.
    package static let noSession: SQL = "'00000000-0000-0000-0000-000000000000'"

    /// Replaces what a session has registered, with what keeps it from running some of it, and removes what dead
    /// sessions of its node have.
    ///
    /// Each obstacle's age is what the node knows; the moment of it is the database's.
    package static func register(
        _ definitions: [TaskDefinition],
        obstacles: [TaskName: (reason: String, age: Duration)] = [:],
        node: NodeID,
        session: SessionID,
        in transaction: borrowing Transaction
    ) throws {
        try transaction.execute("DELETE FROM registered_tasks WHERE session = \(session)")
        try transaction.execute(together: definitions) { definition in
            """
            (\(definition.name), \(node), \(session), \(definition.kind), \(definition.isCoalescible),
                \(definition.maximumAttempts), \(definition.timeout.wholeMicroseconds), NOW(6),
                \(obstacles[definition.name]?.reason),
                NOW(6) - INTERVAL \(obstacles[definition.name]?.age.wholeMicroseconds) MICROSECOND)
            """
        } in: { rows in
            """
            INSERT INTO registered_tasks
                (name, node, session, kind, coalescible, max_attempts, timeout_microseconds, registered_at, obstacle,
                obstacle_since)
            VALUES \(sql: rows)
            """
        }
        try transaction.execute("DELETE FROM registered_tasks WHERE node = \(node) AND session = \(sql: noSession)")
        let dead = try ofDeadSessions(node: node, on: transaction.session).filter { $0 != session }
        try forget(dead, node: node, on: transaction.session)
    }

    /// Removes what dead sessions of a node have registered, if a living worker of the node speaks for it now.
    package static func forgetSuperseded(node: NodeID, on session: borrowing Session) throws {
        let isSpokenFor = try !session.query(
            """
            SELECT 1 FROM sessions WHERE node = \(node) AND daemon = \(DaemonName.queueworker) AND dead = FALSE LIMIT 1
            """
        ).isEmpty
        if isSpokenFor { try forget(try ofDeadSessions(node: node, on: session), node: node, on: session) }
    }

    /// The dead sessions, by which a node has registrations.
    ///
    /// Read without a lock and removed by key: `dead` is final, and one statement would lock the rows of `sessions`.
    private static func ofDeadSessions(node: NodeID, on session: borrowing Session) throws -> [SessionID] {
        try session.query(
            """
            SELECT DISTINCT r.session
            FROM registered_tasks AS r LEFT JOIN sessions AS s ON s.id = r.session AND s.dead = FALSE
            WHERE r.node = \(node) AND s.id IS NULL AND r.session <> \(sql: noSession)
            """
        ).map { try $0.only() }
    }

    private static func forget(_ sessions: [SessionID], node: NodeID, on session: borrowing Session) throws {
        for dead in sessions {
            try session.execute("DELETE FROM registered_tasks WHERE session = \(dead) AND node = \(node)")
        }
    }

    /// Obstacles that are read: many nodes that lack one program are one mistake.
    private static let mostObstacles = 1000

    /// Reads the obstacles that keep nodes, or one, from running tasks that living sessions have registered, all or
    /// some.
    package static func obstacles(
        to tasks: [TaskName]? = nil,
        of node: NodeID? = nil,
        on session: borrowing Session
    ) throws -> [NodeObstacle] {
        let named: SQL = tasks.map { $0.isEmpty ? "AND FALSE" : "AND r.name IN (\(list: $0))" } ?? ""
        let own: SQL = node.map { "AND r.node = \($0)" } ?? ""
        return try session.query(
            """
            SELECT n.id, n.name AS node_name, r.name, MAX(r.obstacle) AS obstacle,
                MIN(r.obstacle_since) AS obstacle_since
            FROM registered_tasks AS r JOIN nodes AS n ON n.id = r.node JOIN sessions AS s ON s.id = r.session
            WHERE r.obstacle IS NOT NULL \(sql: named) \(sql: own) AND \(sql: LeaseTime.isLive("s."))
            GROUP BY n.id, n.name, r.name
            ORDER BY r.name, n.name LIMIT \(mostObstacles)
            """
        ).map { row in
            NodeObstacle(
                nodeID: try row.get("id"),
                node: try row.get("node_name"),
                task: try row.get("name"),
                reason: try row.get("obstacle"),
                since: try row.get("obstacle_since")
            )
        }
    }

    /// The names of all registered tasks, in order, at most so many.
    package static func names(limit: Int, on session: borrowing Session) throws -> [TaskName] {
        try session.query("SELECT DISTINCT name FROM registered_tasks ORDER BY name LIMIT \(limit)").map {
            try $0.only()
        }
    }

    /// A live process, with the tasks that it has registered.
    package struct Runner: Sendable, Hashable {
        package let node: NodeName
        package let daemon: DaemonName
        package let mayBeElected: Bool
        package let tasks: Set<TaskName>
    }

    /// Reads the live processes of the cluster: in the design's largest one, 2,000 with some tasks each.
    package static func runners(on session: borrowing Session) throws -> [Runner] {
        let registrations = try session.query(
            """
            SELECT r.session, r.name FROM registered_tasks AS r JOIN sessions AS s ON s.id = r.session
            WHERE \(sql: LeaseTime.isLive("s."))
            """
        ).map { try $0.decode((SessionID, TaskName).self) }
        let tasks = Dictionary(grouping: registrations, by: \.0).mapValues { Set($0.map(\.1)) }
        return try session.query(
            """
            SELECT s.id, s.daemon, n.name, n.is_network_node
            FROM sessions AS s JOIN nodes AS n ON n.id = s.node WHERE \(sql: LeaseTime.isLive("s."))
            """
        ).map { row in
            Runner(
                node: try row.get("name"),
                daemon: try row.get("daemon"),
                mayBeElected: try row.get("is_network_node"),
                tasks: tasks[try row.get("id")] ?? []
            )
        }
    }

    /// The definitions that count of some names: those of living sessions, and of dead ones where no living one knows
    /// the name.
    package static func registrations(_ names: [TaskName], on session: borrowing Session) throws -> [TaskDefinition] {
        guard !names.isEmpty else { return [] }
        return try settled(session.query(definitionsQuery(names)).map(definition), on: session)
    }

    /// Returns those of some definitions that count.
    static func settled(_ all: [TaskDefinition], on session: borrowing Session) throws -> [TaskDefinition] {
        // Where all agree, and they do but for a change of configuration, it does not matter who lives.
        let disputed = Dictionary(grouping: all, by: \.name).filter { $0.value.count > 1 }.map(\.key)
        guard !disputed.isEmpty else { return all }
        let query = definitionsQuery(
            disputed.sorted(),
            from: "registered_tasks AS r JOIN sessions AS s ON s.id = r.session AND s.dead = FALSE"
        )
        let living = try session.query(query).map(definition)
        let settled = Set(living.map(\.name))
        return all.filter { !settled.contains($0.name) } + living
    }

    static func definitionsQuery(_ names: [TaskName], from tables: SQL = "registered_tasks AS r") -> SQL {
        """
        SELECT DISTINCT r.name, r.kind, r.coalescible, r.max_attempts, r.timeout_microseconds
        FROM \(sql: tables) WHERE r.name IN (\(list: names))
        """
    }

    static func definition(_ row: Row) throws -> TaskDefinition {
        TaskDefinition(
            name: try row.get("name"),
            kind: try row.get("kind"),
            isCoalescible: try row.get("coalescible"),
            maximumAttempts: try row.get("max_attempts"),
            timeout: Duration(wholeMicroseconds: try row.get("timeout_microseconds"))
        )
    }

    /// Reads the definitions of a task that count, each with a node that has it, by name of the node.
    package static func definers(
        of task: TaskName,
        on session: borrowing Session
    ) throws -> [(node: NodeName, definition: TaskDefinition)] {
        let all = try session.query(
            """
            SELECT DISTINCT n.name AS node_name, r.kind, r.coalescible, r.max_attempts, r.timeout_microseconds,
                s.id IS NOT NULL AS is_live
            FROM registered_tasks AS r
                JOIN nodes AS n ON n.id = r.node
                LEFT JOIN sessions AS s ON s.id = r.session AND s.dead = FALSE
            WHERE r.name = \(task) ORDER BY n.name
            """
        ).map { row in
            let definition = TaskDefinition(
                name: task,
                kind: try row.get("kind"),
                isCoalescible: try row.get("coalescible"),
                maximumAttempts: try row.get("max_attempts"),
                timeout: Duration(wholeMicroseconds: try row.get("timeout_microseconds"))
            )
            return (
                node: try row.get("node_name", as: NodeName.self), definition: definition,
                isLive: try row.get("is_live", as: Bool.self)
            )
        }
        let living = all.filter(\.isLive)
        return (living.isEmpty ? all : living).map { ($0.node, $0.definition) }
    }

    /// The tasks whose definitions that count are not all the same.
    package static func conflicting(limit: Int, on session: borrowing Session) throws -> [TaskName] {
        try session.query(
            """
            SELECT r.name
            FROM registered_tasks AS r LEFT JOIN sessions AS s ON s.id = r.session AND s.dead = FALSE
            GROUP BY r.name
            HAVING COUNT(DISTINCT IF(s.id IS NULL, NULL, r.kind), r.coalescible, r.max_attempts,
                    r.timeout_microseconds) > 1
                OR (COUNT(s.id) = 0
                    AND COUNT(DISTINCT r.kind, r.coalescible, r.max_attempts, r.timeout_microseconds) > 1)
            ORDER BY r.name LIMIT \(limit)
            """
        ).map { try $0.only() }
    }
}
