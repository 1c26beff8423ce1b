import ClusterStore
import MariaDB

/// The statements that users have sent to a server, by the server's own log.
package struct SpokenStatements: Sendable {
    /// The options of a server that writes it.
    package static let serverOptions = [
        "--general-log=1", "--log-output=TABLE", "--performance-schema=ON",
        "--performance-schema-consumer-events-statements-current=ON",
        "--performance-schema-consumer-events-statements-history-long=ON",
        "--performance-schema-events-statements-history-long-size=\(mostRemembered)",
        "--performance-schema-max-sql-text-length=256", "--performance-schema-max-digest-length=0",
    ]

    /// The number of statements that the server keeps with their errors; more than a test's programs send.
    static let mostRemembered = 50_000

    /// One kind of access to one table, such as `INSERT work_queue`.
    package typealias Access = String

    /// Returns what a user has done to which tables; nothing of what the server refused to prepare is missing.
    package static func accesses(of user: RoleUser, in cluster: TestCluster) async throws -> Set<Access> {
        let pattern = "\(user.configuration.user)[%"
        let texts = try await cluster.database.withSession { session in
            try session.query(
                "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log WHERE user_host LIKE \(pattern)"
            ).map { try $0.only(String.self) }
        }
        return texts.reduce(into: []) { $0.formUnion(accesses(in: $1)) }
    }

    /// Returns what a role's rights allow, in the same words.
    package static func accesses(allowedTo role: DatabaseRole) -> Set<Access> {
        accesses(of: role.rights)
    }

    /// Returns what rights allow, in the same words.
    package static func accesses(of rights: some Sequence<DatabaseRight>) -> Set<Access> {
        Set(
            rights.compactMap { right in
                switch right {
                case .select(let table): "SELECT \(table)"
                case .insert(let table, _): "INSERT \(table)"
                case .delete(let table): "DELETE \(table)"
                case .update(let table, _): "UPDATE \(table)"
                case .execute(let procedure): "EXECUTE \(procedure)"
                case .define, .process: nil
                }
            }
        )
    }

    static func accesses(in statement: String) -> Set<Access> {
        var found: Set<Access> = []
        for match in statement.matches(of: /^\s*CALL ([a-z_]+)/) { found.insert("EXECUTE \(match.1)") }
        // Rows are deleted and changed by a join of their keys.
        let deletion = /^\s*DELETE ([a-z]+) FROM.*\bSTRAIGHT_JOIN\s+([a-z_]+) AS \1\b/.dotMatchesNewlines()
        if let match = statement.firstMatch(of: deletion) { found.insert("DELETE \(match.2)") }
        let change = /^\s*UPDATE JSON_TABLE.*\bSTRAIGHT_JOIN\s+([a-z_]+) AS/.dotMatchesNewlines()
        if let match = statement.firstMatch(of: change) { found.insert("UPDATE \(match.1)") }
        let tables = /\b(INSERT INTO|DELETE FROM|UPDATE|FROM|STRAIGHT_JOIN|JOIN)\s+([a-z_]+)/
        for match in statement.matches(of: tables) {
            let table = match.2
            // Whatever is changed where something is so is read as well.
            found.insert("SELECT \(table)")
            switch match.1 {
            case "INSERT INTO":
                found.insert("INSERT \(table)")
                if statement.contains("ON DUPLICATE KEY UPDATE") { found.insert("UPDATE \(table)") }
            case "DELETE FROM": found.insert("DELETE \(table)")
            case "UPDATE": found.insert("UPDATE \(table)")
            default: break
            }
        }
        return found
    }
}

extension TestCluster {
    /// Returns what the server has refused to anybody for want of a right, each with its error's number; also what its
    /// program has not told of.
    package func refusals() async throws -> [String] {
        try await database.withSession { session in
            let remembered = try session.query(
                "SELECT COUNT(*) FROM performance_schema.events_statements_history_long"
            )[0].only(Int.self)
            precondition((1..<SpokenStatements.mostRemembered).contains(remembered), "the first ones are forgotten")
            return try session.query(
                """
                SELECT CONCAT(mysql_errno, ': ', COALESCE(CONVERT(sql_text USING utf8mb4), '?'))
                FROM performance_schema.events_statements_history_long WHERE mysql_errno IN (1044, 1142, 1143, 1227, 1370)
                """
            ).map { try $0.only() }
        }
    }
}
