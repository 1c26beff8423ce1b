import ClusterModel

extension DatabaseRole {
    /// MariaDB's limit of a schema's name.
    private static let longestSchema = 64

    /// The user's name where nobody gives another.
    package var defaultUser: String { "clusterops_\(rawValue)" }

    /// The statements that make a user of this role; each may be repeated.
    ///
    /// Rights of a table can be granted once the table is there: after `db migrate`, and again after each later one.
    /// The migrator's can be granted on an empty schema.
    ///
    /// - Parameters:
    ///   - account: who.
    ///   - schema: the schema of the cluster.
    ///   - login: how the user logs in.
    /// - Returns: Statements without their semicolons.
    /// - Throws: `ValueError` for a schema's name that would need quotes.
    package func statements(
        for account: DatabaseAccount,
        schema: String,
        login: Login
    ) throws(ValueError) -> [String] {
        let schema = try DatabaseAccount.plain(schema, "schema", limit: Self.longestSchema)
        return Self.making(account, login) + grants(to: account, schema: schema)
    }

    /// The conditions on which a user of the database logs in.
    package struct Login: Sendable, Hashable {
        /// The password that it has from now on; nil leaves what it has, and the user has to be there.
        package var password: String?
        /// A Boolean value that indicates whether it is let in by TLS only from now on.
        package var requiresTLS: Bool
        /// A Boolean value that indicates whether what the user may do is taken away first, such as what an older
        /// version has granted.
        package var startsAnew: Bool

        /// Takes what `db grants` is told.
        package init(password: String?, requiresTLS: Bool = false, startsAnew: Bool = false) {
            self.password = password
            self.requiresTLS = requiresTLS
            self.startsAnew = startsAnew
        }
    }

    /// Makes the user if it is not there, and gives it its password: also to one that is there and has another.
    private static func making(_ account: DatabaseAccount, _ login: Login) -> [String] {
        var lines: [String] = []
        let tls = login.requiresTLS ? " REQUIRE SSL" : ""
        if let password = login.password {
            let identified = "\(account) IDENTIFIED BY '\(quoted(password))'\(tls)"
            lines = ["CREATE USER IF NOT EXISTS \(identified)", "ALTER USER \(identified)"]
        } else if login.requiresTLS {
            lines = ["ALTER USER \(account)\(tls)"]
        }
        if login.startsAnew { lines.append("REVOKE ALL PRIVILEGES, GRANT OPTION FROM \(account)") }
        return lines
    }

    private func grants(to account: DatabaseAccount, schema: String) -> [String] {
        var lines: [String] = []
        let rights = rights.sorted { ($0.rank, $0.words, $0.object ?? "") < ($1.rank, $1.words, $1.object ?? "") }
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
        for procedure in rights.compactMap(\.procedure) {
            lines.append("GRANT EXECUTE ON PROCEDURE `\(schema)`.`\(procedure)` TO \(account)")
        }
        return lines
    }

    private static func list(_ rights: [DatabaseRight]) -> String { rights.map(\.words).joined(separator: ", ") }

    private static func quoted(_ password: String) -> String {
        password.replacing("\\", with: "\\\\").replacing("'", with: "''")
    }
}
