import MariaDB

extension Configuration {
    /// How to reach the database.
    ///
    /// - Throws: `ConfigurationError` for a password file that is unsafe or cannot be read.
    package func connection() throws(ConfigurationError) -> ConnectionConfiguration {
        ConnectionConfiguration(
            endpoint: endpoint,
            user: database.user,
            password: try databasePassword(),
            schema: database.name,
            tls: tls
        )
    }

    /// A pool for a worker: a connection for every other slot would do, as a handler holds none while it works; the
    /// claim, the settling, the renewal and the reaper have theirs.
    package func pool(slots: Int) -> MariaDB.Database.PoolConfiguration {
        var pool = MariaDB.Database.PoolConfiguration()
        pool.maximumConnections = min(4 + slots, 16)
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

    private var endpoint: ConnectionConfiguration.Endpoint {
        switch database.endpoint {
        case .socket(let path): .socket(path)
        case .hosts(let hosts): .hosts(hosts.map { .init(name: $0.host.description, port: $0.port) })
        }
    }

    private var tls: ConnectionConfiguration.TLS {
        switch database.tls.mode {
        case .disabled: .disabled
        case .required: .required
        // The authorities of the system, unless others are named.
        case .verify: .verify(authorities: database.tls.caFile ?? "/etc/ssl/certs/ca-certificates.crt")
        }
    }
}
