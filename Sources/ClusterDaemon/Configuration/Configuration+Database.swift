import ClusterModel
import MariaDB

extension Configuration {
    /// The certificates that Debian trusts; they are used for `verify` when no `ca_file` is set.
    static let systemAuthorities = "/etc/ssl/certs/ca-certificates.crt"

    /// Returns the settings of the connection to the database, with the password read from its file.
    ///
    /// - Throws: `ConfigurationError` when the password file is unsafe or cannot be read.
    package func databaseConnection() throws(ConfigurationError) -> ConnectionConfiguration {
        let endpoint: ConnectionConfiguration.Endpoint =
            switch database.endpoint {
            case .socket(let path): .socket(path)
            case .hosts(let hosts): .hosts(hosts.map { .init(name: $0.host.description, port: $0.port) })
            }
        let tls: ConnectionConfiguration.TLS =
            switch database.tls.mode {
            case .disabled: .disabled
            case .required: .required
            case .verify: .verify(authorities: database.tls.caFile ?? Self.systemAuthorities)
            }
        return ConnectionConfiguration(
            endpoint: endpoint,
            user: database.user,
            password: try databasePassword(),
            schema: database.name,
            tls: tls
        )
    }

    /// A pool for a worker's work.
    ///
    /// Three: one each for the claim, for the settling, and for what comes now and then. No handler holds one while it
    /// works, and whoever has to wait for one waits for a few statements. They are closed after ten seconds without
    /// work, because a database has to serve thousands of nodes; the renewals, which go on at rest, and their looks
    /// have one of another pool, `Worker.sessionDatabase`.
    package func pool() -> MariaDB.Database.PoolConfiguration {
        var pool = MariaDB.Database.PoolConfiguration()
        pool.maximumConnections = 3
        pool.idleTimeout = .seconds(10)
        return pool
    }

    /// The name of this node, which a daemon cannot do without.
    ///
    /// - Throws: `ConfigurationError` naming the key.
    package func requiredNodeName() throws(ConfigurationError) -> NodeName {
        guard let name = node.name else {
            throw ConfigurationError(problems: [
                .init(source: nil, key: "node.name", message: "a daemon needs the name of its node, here or as --node")
            ])
        }
        return name
    }
}

/// The settings of a connection to the database; programs pass them on without looking into them.
package typealias DatabaseConnection = ConnectionConfiguration
