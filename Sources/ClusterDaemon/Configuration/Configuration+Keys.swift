import ClusterEngine
import ClusterModel

extension Configuration {
    /// The prefix of the names of all variables.
    static let variablePrefix = "CLUSTEROPS_"

    /// The variable that names the file.
    static let fileVariable = "CLUSTEROPS_CONFIG"

    /// Variables with our prefix that are no keys: the file's, and what a command task is given, so that a command can
    /// call `clusterctl`.
    static let otherVariables: Set<String> = [
        fileVariable, "CLUSTEROPS_OPERATION", "CLUSTEROPS_TASK", "CLUSTEROPS_ATTEMPT", "CLUSTEROPS_NODE",
    ]

    /// All keys but those of the tasks, section by section in the order of the annotated example.
    package static let keys: [ConfigurationKey<Configuration>] =
        databaseKeys + nodeKeys + workerKeys + leaseKeys + addressKeys + networkKeys

    /// The key of a path.
    static let keysByPath = Dictionary(uniqueKeysWithValues: keys.map { ($0.path, $0) })

    /// The key of a variable.
    static let keysByVariable = Dictionary(uniqueKeysWithValues: keys.map { ($0.variable, $0) })

    /// The paths that hold keys rather than a value.
    static let sections: Set<String> = Set(
        keys.flatMap { key in
            let names = key.path.split(separator: ".")
            return (1..<names.count).map { names.prefix($0).joined(separator: ".") }
        }
    )

    /// A path of `sun_path` has room for 107 bytes and a NUL.
    private static let longestSocketPath = 107

    private static let databaseKeys: [ConfigurationKey<Configuration>] = [
        ConfigurationKey(
            "database.socket",
            "The Unix socket of the database server. Set this or hosts.",
            .absolutePath(longest: longestSocketPath),
            example: "/run/mariadb/clusterops.sock",
            set: { $0.database.endpoint = .socket($1) },
            get: { if case .socket(let path) = $0.database.endpoint { path } else { nil } }
        ),
        ConfigurationKey(
            "database.hosts",
            "The database servers; the first that serves is used. Port 3306 unless set otherwise. Set this or socket.",
            .hosts(defaultPort: 3306),
            example: ["db1.example:3306", "10.0.0.7:3307"],
            set: { $0.database.endpoint = .hosts($1) },
            get: { if case .hosts(let hosts) = $0.database.endpoint { hosts } else { nil } }
        ),
        ConfigurationKey(
            "database.name",
            \.database.name,
            "The schema.",
            .word("1 to 64 letters, digits, underscores and dashes", longest: 64) {
                $0.isASCIILowercase || $0.isASCIIUppercase || $0.isASCIIDigit || "_-".utf8.contains($0)
            },
            example: "clusterops_test"
        ),
        ConfigurationKey(
            "database.user",
            \.database.user,
            "The database user.",
            .word("1 to 80 bytes without control characters", longest: 80) { $0 >= 0x20 && $0 != 0x7f },
            example: "worker"
        ),
        ConfigurationKey(
            optional: "database.password_file",
            \.database.passwordFile,
            "The file with the password: owned by root or the daemon's user, closed to all others (mode 0600 or 0400).",
            .absolutePath(),
            example: "/etc/clusterops/database.password",
            concealsValue: true
        ),
        ConfigurationKey(
            "database.tls.mode",
            "How much TLS is insisted on. Unless set: disabled with socket, verify with hosts.",
            .choice,
            example: "required",
            set: { $0.database.tls.mode = $1 },
            // The default follows the endpoint, so that the example leaves it open.
            get: { $0.database.tls.mode == TLS.Mode.default(for: $0.database.endpoint) ? nil : $0.database.tls.mode }
        ),
        ConfigurationKey(
            optional: "database.tls.ca_file",
            \.database.tls.caFile,
            "The certificates to trust when the mode is verify.",
            .absolutePath(),
            example: "/etc/clusterops/ca.pem"
        ),
    ]

    private static let nodeKeys: [ConfigurationKey<Configuration>] = [
        ConfigurationKey(
            optional: "node.name",
            \.node.name,
            "The name under which this node was added; --node wins over it.",
            .value("a node name: \(NetworkName.grammar)"),
            example: "hv1"
        ),
        ConfigurationKey(
            optional: "node.underlay_address",
            \.node.underlayAddress,
            "The address by which the other nodes reach this one.",
            .value("an IPv4 address"),
            example: "10.0.0.1"
        ),
    ]

    private static let workerKeys: [ConfigurationKey<Configuration>] = [
        ConfigurationKey(
            "worker.slots",
            \.worker.slots,
            "How many operations one queueworker runs at once.",
            .wholeNumber(1...1000),
            example: "16"
        ),
        ConfigurationKey(
            "worker.poll_interval",
            \.worker.pollInterval,
            "How often a daemon polls its queues when no wake-up comes.",
            .duration(.milliseconds(10)...(.seconds(3_600))),
            example: "500ms"
        ),
        ConfigurationKey(
            "worker.staleness_bound",
            \.worker.stalenessBound,
            "How long an operation may wait before it counts for the slots kept for old ones, whatever its lane.",
            .duration(.milliseconds(100)...(.seconds(86_400))),
            example: "90s"
        ),
    ]

    private static let leaseKeys: [ConfigurationKey<Configuration>] = [
        ConfigurationKey(
            "session.lease",
            \.session.lease,
            "The time after which a silent session counts as dead; at least three times renew.",
            .duration(.milliseconds(100)...(.seconds(3_600))),
            example: "30s"
        ),
        ConfigurationKey(
            "session.renew",
            \.session.renew,
            "How often a session is renewed.",
            .duration(.milliseconds(10)...(.seconds(1_200))),
            example: "1s"
        ),
        ConfigurationKey(
            "election.lease",
            \.election.lease,
            "The time after which a silent network node can be succeeded; the same on every node.",
            .duration(.milliseconds(100)...(.seconds(3_600))),
            example: "6s"
        ),
        ConfigurationKey(
            "election.renew",
            \.election.renew,
            "How often the elected network node renews; less than fence.",
            .duration(.milliseconds(10)...(.seconds(3_600))),
            example: "500ms"
        ),
        ConfigurationKey(
            "election.fence",
            \.election.fence,
            "The time without renewal or confirmation after which a network node stops by itself; less than lease.",
            .duration(.milliseconds(20)...(.seconds(3_600))),
            example: "3s"
        ),
        ConfigurationKey(
            "election.outage",
            \.election.outage,
            "How long the networks are served without the database at most; 0s is the fence. The same on every node.",
            .duration(.zero...(.seconds(3_600))),
            example: "5m"
        ),
    ]

    private static let addressKeys: [ConfigurationKey<Configuration>] = [
        ConfigurationKey(
            optional: "doorbell.listen",
            \.doorbell.listen,
            "Where to listen for wake-ups. Unless set: the underlay address, any free port.",
            .addressAndPort,
            example: "10.0.0.1:9473"
        ),
        ConfigurationKey(
            optional: "doorbell.advertise",
            \.doorbell.advertise,
            "Where others send wake-ups. Unless set: the address that listening gave.",
            .addressAndPort,
            example: "10.0.0.1:9473"
        ),
        ConfigurationKey(
            "http.queueworker",
            \.http.queueworker,
            "Where queueworker shows metrics and health.",
            .listenerOrOff,
            example: "off"
        ),
        ConfigurationKey(
            "http.netnode",
            \.http.netnode,
            "Where netnode shows metrics and health.",
            .listenerOrOff,
            example: "10.0.0.1:9472"
        ),
    ]

    private static let networkKeys: [ConfigurationKey<Configuration>] = [
        ConfigurationKey(
            "network.state_directory",
            \.network.stateDirectory,
            "The directory of the networks' files; its own for each node where nodes share a machine.",
            .absolutePath(),
            example: "/srv/clusterops/network"
        ),
        ConfigurationKey(
            "network.namespace_prefix",
            \.network.namespacePrefix,
            "What names of network namespaces begin with; its own for each node where nodes share a machine.",
            .namespacePrefix,
            example: "hv1-"
        ),
        ConfigurationKey(
            "network.first_user_id",
            \.network.firstUserID,
            "The VNI is added to it for the user and the group of a network's server; 2^24 from it are nobody else's.",
            .wholeNumber(100_000...2_130_706_430),
            example: "1900000000"
        ),
        ConfigurationKey(
            optional: "network.underlay_interface",
            \.network.underlayInterface,
            "The device that carries the mesh. Unless set: the one that has the underlay address.",
            .value("1 to 15 letters, digits, underscores, dots and dashes, with no dash first"),
            example: "eth0"
        ),
        ConfigurationKey(
            optional: "network.external_bridge",
            \.network.externalBridge,
            "The Linux bridge that leads outside, for networks with NAT; needed where this node may be elected.",
            .value("1 to 15 letters, digits, underscores, dots and dashes, with no dash first"),
            example: "br-ext"
        ),
        ConfigurationKey(
            "network.egress_allow",
            \.network.egressAllow,
            "What guests reach by NAT although it is link-local, otherwise special or the underlay's; "
                + "see docs/security.md.",
            .ranges,
            example: ["169.254.169.254/32", "192.0.2.53/32"]
        ),
        ConfigurationKey(
            "network.probe_port",
            \.network.probePort,
            "The UDP port at which nodes probe each other over the underlay; the same on every node.",
            .wholeNumber(1...65_535),
            example: "4794"
        ),
        ConfigurationKey(
            "network.dns_servers",
            \.network.dnsServers,
            "Whom the networks' servers ask for names that are not theirs; they have to be in reach of the networks.",
            .nameServers,
            example: ["10.9.0.53", "10.9.0.54"]
        ),
        ConfigurationKey(
            "network.dns_private_domains",
            \.network.dnsPrivateDomains,
            "Domains whose names may have private addresses; such answers for other names are dropped.",
            .domains,
            example: ["corp.example.net"]
        ),
        ConfigurationKey(
            "network.maintenance_interval",
            \.network.maintenanceInterval,
            "How often netnode reads back and repairs its node.",
            .duration(.milliseconds(100)...(.seconds(86_400))),
            example: "10s"
        ),
        ConfigurationKey(
            "history.retention",
            \.history.retention,
            "How long ended operations and audit events are kept.",
            .duration(.seconds(60)...(.seconds(3_650 * 86_400))),
            example: "7d"
        ),
        ConfigurationKey(
            "log.level",
            \.log.level,
            "What is less severe than that is not logged.",
            .choice,
            example: "debug"
        ),
    ]
}

extension Configuration.CommandTask {
    /// The keys of one task, below `tasks.NAME`.
    package static let keys: [ConfigurationKey<Configuration.CommandTask>] = [
        ConfigurationKey(
            "command",
            \.command,
            "The program and its arguments; no shell takes part.",
            .command,
            example: ["/usr/local/bin/snapshot", "--quiet"]
        ),
        ConfigurationKey(
            "timeout",
            \.timeout,
            "The time after which the program is stopped, which fails the attempt.",
            .duration(.milliseconds(100)...(.seconds(30 * 86_400))),
            example: "2m"
        ),
        ConfigurationKey(
            "max_attempts",
            \.maxAttempts,
            "How many attempts may fail before the operation does.",
            .wholeNumber(1...100),
            example: "3"
        ),
        ConfigurationKey(
            "coalescible",
            \.coalescible,
            "Whether operations with the same target that wait at the same time can be done as one.",
            .truth,
            example: "true"
        ),
    ]

    /// The names that a command task cannot have, because a daemon runs them itself.
    static let builtInNames = Set(BuiltInTask.allCases.map(\.rawValue))
}

extension Configuration.TLS.Mode {
    /// Returns the mode that holds when none is set: a socket stays on the machine; a connection that leaves it is
    /// verified, because the client library in any lesser mode talks in the clear to whoever offers no TLS.
    package static func `default`(for endpoint: Configuration.Database.Endpoint) -> Self {
        switch endpoint {
        case .socket: .disabled
        case .hosts: .verify
        }
    }
}
