/// The session variables that correctness relies on: set at open, and read back.
///
/// A session begins with the server's globals, which an operator may have set for other programs. Pinned is whatever
/// could change an answer, what is refused, or what an error says; what only changes plans and costs is the
/// operator's.
struct SessionSettings {
    static let sqlMode =
        "STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"

    /// One variable, as it is set and as it has to be found.
    private struct Setting {
        /// As `SET` wants it.
        let assignment: String
        /// In lower case; the name that the value is looked up by.
        let name: String
        let expected: String

        init(_ name: String, _ value: String, assigned: String? = nil) {
            self.name = name
            expected = value
            assignment = "\(name) = \(assigned ?? value)"
        }
    }

    /// The settings that do not depend on the configuration.
    private static let pinned = [
        Setting("autocommit", "ON", assigned: "1"),
        Setting("time_zone", "+00:00", assigned: "'+00:00'"),
        Setting("sql_mode", sqlMode, assigned: "'\(sqlMode)'"),
        // No answer may be cut off without a word: rows, lists made of rows, and keys that rows are sorted or grouped
        // by. The longest of those is a list of tasks, 1100 bytes; `LIMIT` of a statement goes before
        // sql_select_limit.
        Setting("sql_select_limit", "18446744073709551615"),
        Setting("group_concat_max_len", "1048576"),
        Setting("max_sort_length", "2048"),
        Setting("max_recursive_iterations", "1000"),
        // No statement may be refused for how it is planned, or for having no condition.
        Setting("sql_big_selects", "ON", assigned: "1"),
        Setting("sql_safe_updates", "OFF", assigned: "0"),
        // What the schema keeps out stays out: CHECKs, also by what their patterns mean, keys, and steps of a
        // migration that find their work done.
        Setting("check_constraint_checks", "ON", assigned: "1"),
        Setting("foreign_key_checks", "ON", assigned: "1"),
        Setting("unique_checks", "ON", assigned: "1"),
        Setting("default_regex_flags", "", assigned: "''"),
        Setting("sql_if_exists", "OFF", assigned: "0"),
        // What an expression or a hint means.
        Setting("old_mode", "", assigned: "''"),
        Setting("sql_auto_is_null", "OFF", assigned: "0"),
        Setting("div_precision_increment", "4"),
        Setting("standard_compliant_cte", "ON", assigned: "1"),
        Setting("query_cache_type", "OFF", assigned: "0"),
        // What COMMIT does: it begins no transaction, and closes no connection.
        Setting("completion_type", "NO_CHAIN", assigned: "0"),
        // A duplicate key is found by name in the server's message.
        Setting("lc_messages", "en_US", assigned: "'en_US'"),
        // Ours is `idle_transaction_timeout`; these two go before it.
        Setting("idle_readonly_transaction_timeout", "0"),
        Setting("idle_write_transaction_timeout", "0"),
    ]

    /// The variables that `SET TRANSACTION` and `SET NAMES` set; the first two have other names before MariaDB 11.1
    /// than after.
    private static let named: [(names: Set<String>, expected: String)] = [
        (["tx_isolation", "transaction_isolation"], "READ-COMMITTED"),
        (["tx_read_only", "transaction_read_only"], "OFF"),
        (["character_set_client"], "utf8mb4"),
        (["character_set_connection"], "utf8mb4"),
        (["character_set_results"], "utf8mb4"),
        (["collation_connection"], "utf8mb4_general_ci"),
    ]

    private let settings: [Setting]

    init(_ timeouts: ConnectionConfiguration.Timeouts) {
        settings =
            Self.pinned + [
                Setting("innodb_lock_wait_timeout", "\(timeouts.lockWait.wholeSeconds)"),
                Setting("lock_wait_timeout", "\(timeouts.read.wholeSeconds)"),
                Setting("idle_transaction_timeout", "\(timeouts.idleTransaction.wholeSeconds)"),
                Setting("wait_timeout", "\(timeouts.idleConnection.wholeSeconds)"),
                Setting("max_statement_time", "\(timeouts.statement.fractionalSeconds)"),
            ]
    }

    /// Five round trips at each open.
    func apply(to link: ServerLink) throws(DatabaseError) {
        // READ COMMITTED: at REPEATABLE READ a claim's next-key locks block every producer's INSERT.
        try link.command("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE", phase: .connect)
        // The collation too: what a new connection has of its own differs between releases.
        try link.command("SET NAMES utf8mb4 COLLATE utf8mb4_general_ci", phase: .connect)
        try link.command("SET \(settings.map(\.assignment).joined(separator: ", "))", phase: .connect)
        try verify(link)
    }

    /// Reads all back in one statement, by name: one that a server does not have is no error of SQL then.
    private func verify(_ link: ServerLink) throws(DatabaseError) {
        let names = settings.map(\.name) + Self.named.flatMap(\.names)
        let result = try link.run(
            SQL(
                trustedText: """
                    SELECT LOWER(variable_name), variable_value FROM information_schema.session_variables
                    WHERE variable_name IN (\(names.map { "'\($0)'" }.joined(separator: ", ")))
                    """
            )
        )
        let found = try result.namedValues()
        for setting in settings where !Self.isEqual(found[setting.name], setting.expected, setting.name) {
            try refuse(setting.name, found[setting.name], setting.expected)
        }
        for (names, expected) in Self.named {
            let values = names.compactMap { found[$0] }
            if values.isEmpty || values.contains(where: { $0 != expected }) {
                try refuse(names.sorted().joined(separator: " or "), values.first, expected)
            }
        }
    }

    private static func isEqual(_ found: String?, _ expected: String, _ name: String) -> Bool {
        guard let found else { return false }
        switch name {
        case "sql_mode": return Set(found.split(separator: ",")) == Set(expected.split(separator: ","))
        case "max_statement_time": return Double(found) == Double(expected)
        default: return found == expected
        }
    }

    private func refuse(_ name: String, _ found: String?, _ wanted: String) throws(DatabaseError) {
        throw DatabaseError(
            code: .unsuitableServer,
            phase: .connect,
            message: "the session's \(name) is \(found ?? "unknown") although \(wanted) was set"
        )
    }
}

extension StatementResult {
    /// Returns the values of rows that are each a name and a value.
    func namedValues() throws(DatabaseError) -> [String: String] {
        var found: [String: String] = [:]
        do {
            for row in rows {
                let (name, value) = try row.decode((String, String).self)
                found[name] = value
            }
        } catch {
            throw DatabaseError(code: .unsuitableServer, phase: .connect, message: "\(error)")
        }
        return found
    }
}
