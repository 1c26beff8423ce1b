extension DatabaseRole {
    /// MariaDB's limit of a schema's name.
    private static let longestSchema = 64

    /// The user's name where nobody gives another.
    package var defaultUser: String { "clusterops_\(rawValue)" }

    /// The statements that make a user of this role; each may be repeated.
    ///
    /// Rights of a table can be granted once the table is there: after `db migrate`, and again after each later one. The
    /// migrator's can be granted on an empty schema.
    ///
    /// - Parameters:
    ///   - account: who.
    ///   - schema: the schema of the cluster.
    ///   - password: what the user is made with; nil when the user is there already.
    /// - Returns: Statements without their semicolons.
    /// - Throws: `ValueError` for a schema's name that would need quotes.
    package func statements(
        for account: DatabaseAccount,
        schema: String,
        password: String?
    ) throws(ValueError) -> [String] {
        let schema = try DatabaseAccount.plain(schema, "schema", limit: Self.longestSchema)
        let user = password.map { "CREATE USER IF NOT EXISTS \(account) IDENTIFIED BY '\(Self.quoted($0))'" }
        return [user].compactMap(\.self) + grants(to: account, schema: schema)
    }

    private func grants(to account: DatabaseAccount, schema: String) -> [String] {
        var lines: [String] = []
        let rights = rights.sorted { ($0.rank, $0.words) < ($1.rank, $1.words) }
        if rights.contains(.process) { lines.append("GRANT PROCESS ON *.* TO \(account)") }
        let definitions = rights.filter { $0.rank == DatabaseRight.define("").rank }
        if !definitions.isEmpty {
            // Here, and not where a table is named, these two characters would be wildcards.
            let pattern = schema.replacing("_", with: "\\_").replacing("%", with: "\\%")
            lines.append("GRANT \(Self.list(definitions)) ON `\(pattern)`.* TO \(account)")
        }
        for (table, rights) in Dictionary(grouping: rights.filter { $0.table != nil }, by: { $0.table ?? "" })
            .sorted(by: { $0.key < $1.key })
        {
            // A table that is not there yet may be granted together with the right to make it.
            let creates = self == .migrator ? "CREATE, " : ""
            lines.append("GRANT \(creates)\(Self.list(rights)) ON `\(schema)`.`\(table)` TO \(account)")
        }
        return lines
    }

    private static func list(_ rights: [DatabaseRight]) -> String { rights.map(\.words).joined(separator: ", ") }

    private static func quoted(_ password: String) -> String {
        password.replacing("\\", with: "\\\\").replacing("'", with: "''")
    }
}
