import Logging
import Synchronization

/// The servers that the connections of a process lead to, and what these connections have found out about them.
///
/// Pools that are companions share one: what one of them notices moves the others.
final class ServerHosts: Sendable {
    /// The way to one server.
    enum Address: Sendable, CustomStringConvertible {
        case socket(String)
        case host(ConnectionConfiguration.Host)

        var description: String {
            switch self {
            case .socket(let path): path
            case .host(let host): "\(host.name):\(host.port)"
            }
        }
    }

    private let addresses: [Address]
    private let choice: Mutex<HostChoice>
    /// The open connections with the positions of their hosts, where there is a choice.
    private let connections = Mutex<[ObjectIdentifier: (usability: Usability, host: Int)]>([:])
    /// The history of the Galera cluster that this process uses: that of the first member which it used.
    private let history = Mutex<String?>(nil)
    private let logger: Logger?

    init(_ endpoint: ConnectionConfiguration.Endpoint, logger: Logger? = nil) {
        addresses =
            switch endpoint {
            case .socket(let path): [.socket(path)]
            case .hosts(let hosts): hosts.map(Address.host)
            }
        choice = Mutex(HostChoice(count: max(1, addresses.count)))
        self.logger = logger
    }

    /// A Boolean value that indicates whether there is a choice at all.
    var hasOthers: Bool { addresses.count > 1 }

    /// Returns the reason why a server is not used, or nil; the first member of a cluster that serves decides which
    /// cluster it is.
    func refusal(of state: ServerState) -> String? {
        history.withLock { history in
            let reason = state.refusal(isOnly: !hasOthers, known: history)
            if reason == nil, history == nil { history = state.member?.history }
            return reason
        }
    }

    /// Connects to the first host that serves.
    ///
    /// - Parameters:
    ///   - better: The positions of those to try; nil is all.
    ///   - usability: Of the connection.
    ///   - connect: Connects to one of them.
    /// - Returns: The connection.
    /// - Throws: `DatabaseError`, which names every host and why it was not taken.
    func connect(
        among better: [Int]? = nil,
        _ usability: Usability,
        _ connect: (Address) throws(DatabaseError) -> ServerLink
    ) throws(DatabaseError) -> ServerLink {
        guard !addresses.isEmpty else {
            throw DatabaseError(code: .cannotConnect, phase: .connect, message: "no host is configured")
        }
        var failures: [(host: String, error: DatabaseError)] = []
        for host in better ?? choice.withLock({ $0.order(at: .now) }) {
            do {
                usability.host = host
                let link = try connect(addresses[host])
                serves(host, usability)
                return link
            } catch {
                failed(host, hangs: error.saysNothingOfServer, because: error.reason)
                failures.append(("\(addresses[host])", error))
            }
        }
        throw DatabaseError(failures)
    }

    /// Returns whether connections to the host are lent again.
    func keeps(_ host: Int) -> Bool {
        !hasOthers || choice.withLock { $0.keeps(host) }
    }

    /// Returns the hosts that the caller is to try before it goes on with what it has; see `HostChoice`.
    func takeLook() -> [Int] {
        hasOthers ? choice.withLock { $0.takeLook(at: .now) } : []
    }

    /// Takes note of what a connection that is given up has learned about its server.
    func heed(_ usability: Usability) {
        // One that is not the current one is left already.
        guard hasOthers, let failure = usability.failure, keeps(usability.host) else { return }
        failed(usability.host, hangs: failure == .hangs, because: failure.rawValue)
    }

    /// Takes note that a connection is closed.
    func forget(_ usability: Usability) {
        guard hasOthers else { return }
        connections.withLock { $0[ObjectIdentifier(usability)] = nil }
    }

    private func serves(_ host: Int, _ usability: Usability) {
        guard hasOthers else { return }
        let (old, hanging) = choice.withLock { choice in (choice.current, choice.serves(host)) }
        if old != host {
            logger?.notice("database server chosen", metadata: ["component": "database", "host": "\(addresses[host])"])
        }
        let left = connections.withLock { connections in
            connections[ObjectIdentifier(usability)] = (usability, host)
            return connections.values.filter { hanging.contains($0.host) }
        }
        for connection in left { connection.usability.cut() }
    }

    private func failed(_ host: Int, hangs: Bool, because reason: String) {
        guard hasOthers else { return }
        let wasCurrent = choice.withLock { choice in
            defer { choice.failed(host, hangs: hangs, at: .now) }
            return choice.current == host
        }
        guard wasCurrent else { return }
        logger?.notice(
            "database server left",
            metadata: ["component": "database", "host": "\(addresses[host])", "reason": "\(reason)"]
        )
    }
}
