import ClusterStore

/// The statements that make a user of the database for one role, as `db grants` prints them.
package struct GrantsView: Codable, Sendable, Hashable {
    /// The name of the role.
    package let role: String
    /// The user's name, and where it connects from.
    package let user: String
    package let host: String
    package let schema: String
    /// In the order in which they are run, without semicolons.
    package let statements: [String]

    /// Writes the statements down.
    package init(_ role: DatabaseRole, _ account: DatabaseAccount, schema: String, login: DatabaseRole.Login) throws {
        self.role = role.rawValue
        user = account.user
        host = account.host
        self.schema = schema
        statements = try role.statements(for: account, schema: schema, login: login)
    }
}
