import ClusterModel
import MariaDB

/// The statements by which the server, the schema and the cluster are examined.
package enum DoctorStatements {
    /// The variables of the server that are judged, each by its name in lower case.
    ///
    /// By name and as words, because releases differ: `tx_isolation` became `transaction_isolation` in 11.1, and
    /// `innodb_doublewrite` three words in 11.0.
    package static func variables(_ names: [String], on session: borrowing Session) throws -> [String: String] {
        let pairs = try session.query(
            """
            SELECT LOWER(variable_name), variable_value FROM information_schema.session_variables
            WHERE variable_name IN (\(list: names))
            """
        ).map { try $0.decode((String, String).self) }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }

    package static func historyListLength(on session: borrowing Session) throws -> Int {
        try session.query(
            """
            SELECT CAST(variable_value AS SIGNED) FROM information_schema.session_status
            WHERE variable_name = 'INNODB_HISTORY_LIST_LENGTH'
            """
        )[0].only()
    }

    /// Transactions that have been open for long; needs the privilege PROCESS.
    package static func oldTransactions(
        olderThan age: Duration,
        limit: Int,
        on session: borrowing Session
    ) throws -> [(connection: Int, user: String, seconds: Int)] {
        try session.query(
            """
            SELECT t.trx_mysql_thread_id AS connection, COALESCE(p.user, '?') AS user,
                TIMESTAMPDIFF(SECOND, t.trx_started, SYSDATE()) AS seconds
            FROM information_schema.innodb_trx AS t
                LEFT JOIN information_schema.processlist AS p ON p.id = t.trx_mysql_thread_id
            WHERE t.trx_started < SYSDATE() - INTERVAL \(age.wholeMicroseconds) MICROSECOND
            ORDER BY t.trx_started LIMIT \(limit)
            """
        ).map { row in (try row.get("connection"), try row.get("user"), try row.get("seconds")) }
    }

    /// The database servers that live processes use, each with nodes of them, a few.
    package static func servers(on session: borrowing Session) throws -> [(name: String, nodes: [NodeName])] {
        let rows = try session.query(
            """
            SELECT server, MIN(node_name) AS first_node, MAX(node_name) AS last_node
            FROM sessions WHERE \(sql: LeaseTime.isLive()) AND server IS NOT NULL
            GROUP BY server ORDER BY server
            """
        )
        return try rows.map { row in
            let nodes: [NodeName] = [try row.get("first_node"), try row.get("last_node")]
            return (try row.get("server"), nodes[0] == nodes[1] ? [nodes[0]] : nodes)
        }
    }

    /// Reads the rights of the current user in the schema, by whatever way they were granted to it.
    package static func privileges(
        on session: borrowing Session
    ) throws -> (held: HeldRights, account: String, schema: String) {
        let user: String = try session.query("SELECT CURRENT_USER()")[0].only()
        let schema: String = try session.query("SELECT DATABASE()")[0].only()
        // The grantee is quoted on both sides of the @; host names hold no quotes.
        let parts = user.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let grantee = parts.map { "'\($0)'" }.joined(separator: "@")
        var held = HeldRights()
        let rows = try session.query(
            """
            SELECT privilege_type, '' AS table_name, '' AS column_name
            FROM information_schema.user_privileges WHERE grantee = \(grantee)
            UNION ALL
            SELECT privilege_type, '', '' FROM information_schema.schema_privileges
            WHERE grantee = \(grantee) AND \(schema) LIKE table_schema
            UNION ALL
            SELECT privilege_type, table_name, '' FROM information_schema.table_privileges
            WHERE grantee = \(grantee) AND table_schema = \(schema)
            UNION ALL
            SELECT privilege_type, table_name, column_name FROM information_schema.column_privileges
            WHERE grantee = \(grantee) AND table_schema = \(schema)
            """
        ).map { try $0.decode((String, String, String).self) }
        for (word, table, column) in rows {
            if table.isEmpty {
                held.everywhere.insert(word)
            } else if column.isEmpty {
                held.tables[table, default: []].insert(word)
            } else {
                held.columns[word, default: [:]][table, default: []].insert(column)
            }
        }
        // The server lists those that the user may do anything with, and tells no more.
        held.procedures = Set(
            try session.query(
                "SELECT routine_name FROM information_schema.routines WHERE routine_schema = DATABASE()"
            ).map { try $0.only(String.self) }
        )
        return (held, grantee, schema)
    }

    /// `table.index` of every index of the schema.
    package static func indexes(on session: borrowing Session) throws -> Set<String> {
        let names = try session.query(
            "SELECT DISTINCT table_name, index_name FROM information_schema.statistics WHERE table_schema = DATABASE()"
        ).map { try $0.decode((String, String).self) }
        return Set(names.map { "\($0.0).\($0.1)" })
    }

    package static func plan(of query: SQL, on session: borrowing Session) throws -> [PlanLine] {
        try session.query("EXPLAIN \(sql: query)").map { row in
            PlanLine(
                table: try row.get("table"),
                type: try row.get("type"),
                key: try row.get("key"),
                extra: try row.get("Extra", as: String?.self) ?? ""
            )
        }
    }

    /// Processes of a node that a finding names.
    private static let mostNamed = 6

    /// Every node with the processes that it has.
    package static func nodeSessions(on session: borrowing Session) throws -> [NodeSessions] {
        try session.query(
            """
            SELECT n.name, n.state = 'draining' AS is_draining, n.drained_at, n.drain_requester, n.drain_reason,
                COUNT(IF(\(sql: LeaseTime.runs("s.")) AND s.daemon = 'queueworker', 1, NULL)) AS workers,
                COUNT(IF(\(sql: LeaseTime.runs("s.")) AND s.daemon = 'netnode', 1, NULL)) AS network_daemons,
                COUNT(IF(s.expires_at < NOW(6) - INTERVAL 1 MINUTE, 1, NULL)) AS unnoticed,
                COUNT(IF(\(sql: LeaseTime.runs("s.")) AND s.doorbell IS NULL, 1, NULL)) AS without_doorbell,
                GROUP_CONCAT(IF(\(sql: LeaseTime.runs("s.")), CONCAT(s.daemon, ' pid ', s.pid), NULL)
                    ORDER BY s.daemon, s.started_at SEPARATOR ', ' LIMIT \(mostNamed)) AS living
            FROM nodes AS n LEFT JOIN sessions AS s ON s.node = n.id AND s.dead = FALSE
            GROUP BY n.name, n.state, n.drained_at, n.drain_requester, n.drain_reason ORDER BY n.name
            """
        ).map { row in
            NodeSessions(
                node: try row.get("name"),
                isDraining: try row.get("is_draining"),
                drain: try NodeStatements.drain(of: row),
                workers: try row.get("workers"),
                networkDaemons: try row.get("network_daemons"),
                unnoticed: try row.get("unnoticed"),
                withoutDoorbell: try row.get("without_doorbell"),
                living: try row.get("living", as: String?.self) ?? ""
            )
        }
    }
}
