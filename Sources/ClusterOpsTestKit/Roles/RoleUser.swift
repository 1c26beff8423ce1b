import ClusterDaemon
import ClusterEngine
import ClusterStore
import Foundation
import MariaDB

/// A user of a test's schema with the rights of one role, made by the statements that an operator runs.
package struct RoleUser: Sendable {
    /// The role whose work it may do.
    package let role: DatabaseRole
    /// The configuration of its connections.
    package let configuration: ConnectionConfiguration
    private let passwordFile: String

    /// The environment that makes one of our programs connect as this user.
    package var environment: [String: String] {
        ["CLUSTEROPS_DATABASE_USER": configuration.user, "CLUSTEROPS_DATABASE_PASSWORD_FILE": passwordFile]
    }

    fileprivate init(_ role: DatabaseRole, in cluster: ConnectionConfiguration, directory: ServerDirectory) throws {
        self.role = role
        var configuration = cluster
        configuration.user = "\(role.rawValue)_\(String(UInt32.random(in: .min ... .max), radix: 36))"
        configuration.password = "it's \\ a \"word\" \(UInt32.random(in: .min ... .max))"
        self.configuration = configuration
        passwordFile = "\(try directory.scratch())/password"
        let password = Data((configuration.password ?? "").utf8)
        _ = FileManager.default.createFile(
            atPath: passwordFile,
            contents: password,
            attributes: [.posixPermissions: 0o600]
        )
    }

    /// Makes a user of a role on the schema that a configuration names.
    package static func make(
        _ role: DatabaseRole,
        in cluster: ConnectionConfiguration,
        by administrator: Database,
        on server: PrivateServer
    ) async throws -> RoleUser {
        let user = try RoleUser(role, in: cluster, directory: server.directory)
        let account = try DatabaseAccount(user: user.configuration.user, host: "localhost")
        let statements = try role.statements(
            for: account,
            schema: cluster.schema ?? "",
            login: DatabaseRole.Login(password: user.configuration.password)
        )
        for statement in statements { try await administrator.administer(statement) }
        return user
    }

    /// Lends a pool of its own.
    package func withDatabase<Result>(_ body: (Database) async throws -> Result) async throws -> Result {
        let database = Database(configuration, pool: Database.PoolConfiguration(), logger: .silent)
        do {
            let result = try await body(database)
            await database.close()
            return result
        } catch {
            await database.close()
            throw error
        }
    }
}
