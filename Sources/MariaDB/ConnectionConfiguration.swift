/// The settings by which a MariaDB server is reached, and the limits on how long anything may take.
public struct ConnectionConfiguration: Sendable {
    /// An endpoint at which a server listens.
    public enum Endpoint: Sendable, Hashable {
        /// A unix socket's path; `localhost` in MariaDB's words.
        case socket(String)
        /// Hosts in order of preference; the first that serves is used.
        case hosts([Host])
    }

    /// A TCP address.
    public struct Host: Sendable, Hashable {
        /// A name or an address.
        public var name: String
        /// The TCP port.
        public var port: UInt16

        /// Creates an address; 3306 is MariaDB's registered port.
        public init(name: String, port: UInt16 = 3306) {
            self.name = name
            self.port = port
        }
    }

    /// The kinds of protection of a connection.
    public enum TLS: Sendable, Hashable {
        /// Plain text.
        case disabled
        /// Encrypted, or no connection; the server's identity is not checked.
        case required
        /// Encrypted, and the server's certificate must name the host and be signed by the authorities of the PEM file.
        case verify(authorities: String)
    }

    /// The endpoint at which the server listens.
    public var endpoint: Endpoint
    /// The database user.
    public var user: String
    /// The user's password; nil for authentication by the socket.
    public var password: String?
    /// The schema to use; nil for none, as the test kit needs to create one.
    public var schema: String?
    /// The protection of the connection.
    public var tls: TLS
    /// The limits on how long anything may take.
    public var timeouts: Timeouts

    /// Every wait is finite: libmariadb's own defaults are "for ever".
    public struct Timeouts: Sendable {
        /// Until a connection stands.
        ///
        /// Whole seconds; a LAN answers in milliseconds.
        public var connect: Duration = .seconds(5)
        /// Until the server answers a statement; longer than `statement`, so that the server gives up first and says
        /// why.
        public var read: Duration = .seconds(15)
        /// Until the server took what we sent.
        public var write: Duration = .seconds(15)
        /// `max_statement_time`; zero means no limit (migrations).
        public var statement: Duration = .seconds(10)
        /// The time to wait for a row that another transaction holds, `innodb_lock_wait_timeout`; whole seconds.
        public var lockWait: Duration = .seconds(3)
        /// The time for which a transaction may rest, `idle_transaction_timeout`; whole seconds.
        ///
        /// It frees the locks of a process that was stopped inside one.
        public var idleTransaction: Duration = .seconds(10)
        /// The time for which a connection may be idle before the server closes it, `wait_timeout`; whole seconds.
        public var idleConnection: Duration = .seconds(600)

        /// Creates the defaults.
        public init() {}
    }

    /// Creates a configuration with the default timeouts.
    public init(
        endpoint: Endpoint,
        user: String,
        password: String? = nil,
        schema: String? = nil,
        tls: TLS = .disabled,
        timeouts: Timeouts = Timeouts()
    ) {
        self.endpoint = endpoint
        self.user = user
        self.password = password
        self.schema = schema
        self.tls = tls
        self.timeouts = timeouts
    }
}

extension ConnectionConfiguration.Endpoint: CustomStringConvertible {
    /// The socket's path, or `HOST:PORT` of each host.
    public var description: String {
        switch self {
        case .socket(let path): path
        case .hosts(let hosts): hosts.map { "\($0.name):\($0.port)" }.joined(separator: ", ")
        }
    }
}

extension Duration {
    /// Whole seconds, rounded up, at least one.
    var wholeSeconds: UInt32 {
        let (seconds, attoseconds) = components
        return UInt32(clamping: max(1, seconds + (attoseconds > 0 ? 1 : 0)))
    }

    /// Seconds and their microseconds, the finest that a server keeps.
    var fractionalSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds * 1_000_000 + attoseconds / 1_000_000_000_000) / 1_000_000
    }
}
