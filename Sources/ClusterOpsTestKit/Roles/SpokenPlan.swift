import MariaDB

/// The plan by which the server executes a statement that a program has really sent.
///
/// A test that explains a copy of a statement explains what nobody runs as soon as the statement changes. These come
/// from the server's log, one of each shape.
package struct SpokenPlan: Sendable {
    /// One line of EXPLAIN.
    package struct Line: Sendable, CustomStringConvertible {
        package let table: String?
        package let type: String?
        package let key: String?
        package let rows: Int
        package let extra: String

        package var description: String { "\(table ?? "-") \(type ?? "-") by \(key ?? "-"), \(rows) rows, \(extra)" }
    }

    /// The statement with its values.
    package let statement: String
    package let lines: [Line]

    /// Tables that may hold a backlog, a history, an edge for each of them, or a row for each guest.
    ///
    /// Networks are not among them: nodes that may be elected have all of them, and read all of them.
    private static let large = [
        "work_queue", "finished_operations", "operation_dependencies", "adoptions", "attempt_outputs",
        "interfaces", "applied_state", "network_problems", "supervised_processes", "operation_labels", "retries",
        "aborted_dependents",
    ]
    /// Rows that are few, however they are read.
    private static let few = 1000
    /// The limits by which statements say themselves how much of an index they walk, and what is to be read as a whole.
    private static let bounded = [
        // The checks of `doctor`, and the lists of what is rare.
        "LIMIT 100000)", "OFFSET 49999", "OFFSET 199999",
        // The newest ends: waits in `status` and in `queue waits`; the size of the history.
        "LIMIT 1000)", "LIMIT 20000)", "LIMIT 10000)",
        // The problems of all networks, each of which is shown: read once, whichever table the server begins with.
        "FROM network_problems AS p JOIN nodes AS n ON n.id = p.node \nORDER BY",
    ]

    /// The lines that read a large table as a whole, or sort what they read of it; on a table of any size if rows are
    /// locked on the way, because a statement that walks past a row waits for whoever has locked it.
    package var faults: [Line] {
        guard !Self.bounded.contains(where: statement.contains) else { return [] }
        let aliases = Set(
            statement.matches(of: /(?:FROM|JOIN|UPDATE|INTO)\s+([a-z_]+)(?:\s+AS\s+([a-z_]+))?/).compactMap { match in
                Self.large.contains(String(match.1)) ? String(match.2 ?? match.1) : nil
            }
        )
        return lines.filter { line in
            guard let table = line.table, aliases.contains(table) else { return false }
            guard isLocking || line.rows > Self.few else { return false }
            return line.type == "ALL" || line.type == "index" || line.extra.contains("filesort")
        }
    }

    /// A Boolean value that indicates whether the statement locks the rows that it reads.
    package var isLocking: Bool {
        statement.contains("FOR UPDATE") || statement.contains("LOCK IN SHARE MODE")
            || statement.prefixMatch(of: /\s*(UPDATE|DELETE)/) != nil
    }

    /// The statement with values where the log has none: of an execution with many rows it shows the placeholders.
    static func bound(_ statement: String) -> String {
        statement.replacing(/'(?:[^'\\]|\\.)*'|\?/) { match in
            match.output == "?" ? "'0190163d-8694-739b-aea5-966c26f8ad91'" : String(match.output)
        }
    }

    /// The statement without its values: statements of one shape have one plan.
    static func shape(of statement: String) -> String {
        statement.replacing(/'(?:[^'\\]|\\.)*'/, with: "?").replacing(/\b[0-9]+\b/, with: "?")
            .replacing(/\?(?:\s*,\s*\?)+/, with: "?").replacing(/\s+/, with: " ")
    }
}

extension TestCluster {
    /// The plans of all statements that a user's programs have sent, as the server makes them now.
    package func plans(of user: RoleUser) async throws -> [SpokenPlan] {
        let pattern = "\(user.configuration.user)[%"
        return try await database.withSession { session in
            let texts = try session.query(
                """
                SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log
                WHERE user_host LIKE \(pattern) AND command_type IN ('Execute', 'Query')
                """
            ).map { try $0.only(String.self) }
            let statements = texts.map { $0.replacing(/^\s*SET STATEMENT [^']*? FOR\s/, with: "") }
                .filter { $0.prefixMatch(of: /\s*\(?(SELECT|INSERT|UPDATE|DELETE)\b/) != nil }
                .filter { $0.firstMatch(of: /information_schema|performance_schema|schema_migrations/) == nil }
            let shapes = Dictionary(statements.map { (SpokenPlan.shape(of: $0), $0) }) { first, _ in first }
            return try shapes.values.sorted().map { statement in
                let lines = try session.query("EXPLAIN \(sql: SQL(verbatim: SpokenPlan.bound(statement)))").map { row in
                    SpokenPlan.Line(
                        table: try row.get("table"),
                        type: try row.get("type"),
                        key: try row.get("key"),
                        rows: try rows(of: row),
                        extra: try row.get("Extra", as: String?.self) ?? ""
                    )
                }
                return SpokenPlan(statement: statement, lines: lines)
            }
        }
    }

    /// Explains all that a user's programs have sent, on tables as they are and on large ones.
    ///
    /// No program may run meanwhile: it would work on what is added.
    /// - Returns: The plans on large tables, and the statements of plans with a fault at either size.
    package func reviewPlans(of user: RoleUser) async throws -> (plans: [SpokenPlan], faulty: [String]) {
        let small = try await plans(of: user).filter(\.isLocking)
        try await addBacklog(100_000)
        try await addGuests(100_000)
        let large = try await plans(of: user)
        print("\(user.role): \(large.count) statements explained, \(large.count(where: \.isLocking)) of them lock")
        let faulty = [("small", small), ("large", large)].flatMap { size, plans in
            plans.filter { !$0.faults.isEmpty }.map { "\(size) tables: \($0.statement): \($0.faults)" }
        }
        return (large, faulty)
    }

    /// The number of rows that a line of EXPLAIN estimates; in a UNION it comes as text.
    private func rows(of row: Row) throws -> Int {
        if let number = try? row.get("rows", as: Int?.self) { return number }
        return Int(try row.get("rows", as: String?.self) ?? "") ?? 0
    }

    /// Adds operations that wait and operations that have ended, as many of each.
    package func addBacklog(_ count: Int) async throws {
        let columns: SQL = """
            id, kind, tasks, queue_name, lane, requester, max_attempts, state, enqueued_at, ready_at
            """
        for (table, state, more, values) in [
            ("work_queue", "'queued'", "", ""),
            (
                "finished_operations", "'complete'", ", unmet, deliveries, failures, defer_count, finished_at",
                ", 0, 1, 0, 0, NOW(6)"
            ),
        ] as [(SQL, SQL, SQL, SQL)] {
            try await fill(
                """
                INSERT INTO \(sql: table) (\(sql: columns)\(sql: more))
                SELECT UUID(), 'command', '["noop"]', 'any-background', 'background', 'backlog', 1, \(sql: state),
                    NOW(6) - INTERVAL seq SECOND, NOW(6) - INTERVAL seq SECOND\(sql: values)
                FROM seq_1_to_100000 WHERE seq <= \(count)
                """
            )
            try await execute("ANALYZE TABLE \(sql: table)")
        }
        try await fill(
            """
            INSERT INTO attempt_outputs (operation, delivery, task_place, stream, tail, total_bytes)
            SELECT id, 1, 0, 'stdout', 'done', 4 FROM finished_operations WHERE requester = 'backlog'
            """
        )
        try await execute("ANALYZE TABLE attempt_outputs")
    }

    /// Adds networks with 100 guests each on as many nodes, all of them applied everywhere.
    package func addGuests(_ count: Int) async throws {
        let statements: [SQL] = [
            """
            INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
            SELECT UUID(), CONCAT('large', seq), CONCAT('10.200.0.', seq), TRUE, FALSE FROM seq_1_to_100
            """,
            """
            INSERT INTO networks (id, name, vni, cidr, mtu, dhcp, dns)
            SELECT UUID(), CONCAT('large', seq), 100000 + seq, '10.9.0.0/24', 1450, TRUE, TRUE
            FROM seq_1_to_100000 WHERE seq <= \(count) DIV 100
            """,
            """
            INSERT INTO interfaces (id, network, node, mac, address, hostname)
            SELECT UUID(), w.id, n.id, CONCAT('52:54:00:00:00:', LOWER(LPAD(HEX(s.seq), 2, '0'))),
                CONCAT('10.9.0.', s.seq), CONCAT('g', s.seq)
            FROM networks AS w JOIN seq_101_to_200 AS s JOIN nodes AS n ON n.name = CONCAT('large', s.seq - 100)
            WHERE w.vni > 100000
            """,
            """
            INSERT INTO applied_state (network, node, what, generation, term, applied_at)
            SELECT network, node, 'mesh', 1, 1, NOW(6) FROM interfaces
            ON DUPLICATE KEY UPDATE term = applied_state.term
            """,
            """
            INSERT INTO network_problems (network, node, what, since, message)
            SELECT network, node, 'large', NOW(6), 'the guest of a test' FROM interfaces
            ON DUPLICATE KEY UPDATE message = network_problems.message
            """,
            """
            INSERT INTO supervised_processes (node, service, state, pid, restarts, health, sampled_at, session)
            SELECT i.node, CONCAT('dnsmasq ', w.vni), 'running', 1, 0, 'healthy', NOW(6), UUID()
            FROM interfaces AS i JOIN networks AS w ON w.id = i.network
            ON DUPLICATE KEY UPDATE pid = supervised_processes.pid
            """,
        ]
        for statement in statements { try await fill(statement) }
        for table in ["networks", "interfaces", "applied_state", "network_problems", "supervised_processes"] as [SQL] {
            try await execute("ANALYZE TABLE \(sql: table)")
        }
    }
}

extension SQL {
    /// Takes a statement of the server's log as it stands.
    fileprivate init(verbatim text: String) {
        var interpolation = StringInterpolation(literalCapacity: text.utf8.count, interpolationCount: 0)
        interpolation.appendLiteral(text)
        self.init(stringInterpolation: interpolation)
    }
}
