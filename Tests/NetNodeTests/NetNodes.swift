import ClusterDaemon
import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB

/// Real `netnode` processes on the hosts of a mesh's world, as nodes that may all be elected.
struct NetNodes: Sendable {
    /// How long a lease lasts, and what goes with it.
    struct Timing: Sendable {
        let lease: Duration
        let renew: Duration
        let fence: Duration

        /// Half of the design's figures and less; the margin between fence and lease is the least that is accepted.
        ///
        /// A busy machine that stands still for a second takes the lease from its holder: for tests in which it ends.
        static let short = Timing(lease: .milliseconds(2400), renew: .milliseconds(400), fence: .milliseconds(1400))
        /// What an operator gets who sets nothing.
        static let standard = Timing(lease: .seconds(5), renew: .seconds(1), fence: .milliseconds(3500))
    }

    let world: MeshWorld
    let timing: Timing
    private let directory: String
    private let started = Locked<[Int: RunningProgram]>([:])
    private let startedProxy = Locked<DatabaseProxy?>(nil)

    fileprivate init(_ world: MeshWorld, timing: Timing, directory: String) {
        self.world = world
        self.timing = timing
        self.directory = directory
    }

    func stateDirectory(_ index: Int) -> String { "\(directory)/h\(index + 1)" }

    /// Starts the process of a host, whose last one has ended.
    @discardableResult
    func start(
        _ index: Int,
        environment: [String: String] = [:],
        through proxy: DatabaseProxy? = nil
    ) async throws -> RunningProgram {
        let host = world.hosts[index]
        var all = try self.environment(index).merging(environment) { _, own in own }
        if let proxy {
            all["CLUSTEROPS_DATABASE_SOCKET"] = nil
            all["CLUSTEROPS_DATABASE_HOSTS"] = "127.0.0.1:\(proxy.port)"
            all["CLUSTEROPS_DATABASE_TLS_MODE"] = "disabled"
        }
        let program = try await RunningProgram(
            "netnode",
            ["run", "--node", "h\(host.number)"],
            environment: all,
            namespace: host.namespacePath,
            through: try UnitRights.wrapper()
        )
        started.update { $0[index] = program }
        return program
    }

    /// What a supervisor runs on a host once its netnode has ended.
    func lowerVeths(_ index: Int) async throws -> RunningProgram {
        try await RunningProgram(
            "netnode",
            ["lower-veths", "--node", "h\(world.hosts[index].number)"],
            environment: environment(index),
            namespace: world.hosts[index].namespacePath
        )
    }

    /// Starts the process of a host with a proxy between it and the database.
    func startBehindProxy(
        _ index: Int,
        environment: [String: String] = [:],
        to server: PrivateServer? = nil
    ) async throws {
        let server = try server ?? PrivateServer.shared
        let proxy = try DatabaseProxy(to: server, in: world.hosts[index].namespacePath)
        startedProxy.update { $0 = proxy }
        try await start(index, environment: environment, through: proxy)
    }

    /// What can cut off the host that was started behind it.
    func proxy() throws -> DatabaseProxy {
        guard let proxy = startedProxy.value else { throw ClusterOpsError(.invalid, "there is no proxy") }
        return proxy
    }

    func program(_ index: Int) throws -> RunningProgram {
        guard let program = started.value[index] else {
            throw ClusterOpsError(.invalid, "h\(index + 1) was not started")
        }
        return program
    }

    func environment(_ index: Int) throws -> [String: String] {
        let configuration = world.cluster.configuration
        guard case .socket(let socket) = configuration.endpoint, let schema = configuration.schema else {
            throw ClusterOpsError(.invalid, "the test's server has a socket and a schema")
        }
        return [
            "CLUSTEROPS_CONFIG": "\(directory)/config.yaml",
            "CLUSTEROPS_DATABASE_SOCKET": socket, "CLUSTEROPS_DATABASE_NAME": schema,
            "CLUSTEROPS_DATABASE_USER": "root", "CLUSTEROPS_WORKER_POLL_INTERVAL": "50ms",
            "CLUSTEROPS_SESSION_LEASE": "3s", "CLUSTEROPS_SESSION_RENEW": "500ms",
            "CLUSTEROPS_ELECTION_LEASE": timing.lease.text, "CLUSTEROPS_ELECTION_RENEW": timing.renew.text,
            "CLUSTEROPS_ELECTION_FENCE": timing.fence.text,
            "CLUSTEROPS_NETWORK_STATE_DIRECTORY": stateDirectory(index),
            "CLUSTEROPS_NETWORK_NAMESPACE_PREFIX": world.hosts[index].namespacePrefix,
            "CLUSTEROPS_HTTP_NETNODE": "off",
        ]
    }

    // MARK: Seen from outside

    /// The host that the database says is elected; nil when none is.
    func leader() async throws -> Int? {
        let holder = try await world.cluster.database.withSession { session in
            try session.query(
                "SELECT holder_node FROM leases WHERE holder IS NOT NULL AND expires_at > NOW(6)"
            ).first?.only(NodeName.self)
        }
        return world.hosts.firstIndex { holder?.description == "h\($0.number)" }
    }

    func term() async throws -> Int { try await world.cluster.count("SELECT IFNULL(MAX(term), 0) FROM leases") }

    /// Waits until a host is elected and serves under a term above `term`.
    func elected(above term: Int = 0, within limit: Duration = .seconds(30)) async throws -> Int {
        try await eventually("a node serves under a term above \(term)", within: limit) {
            try await world.cluster.count(
                "SELECT COUNT(*) FROM applied_state WHERE what = 'dnsmasq' AND term > \(term)"
            ) > 0
        }
        var leader: Int?
        try await eventually("somebody is elected") {
            leader = try await self.leader()
            return leader != nil
        }
        return leader ?? -1
    }

    /// Waits until every node has done what is wanted of a network's mesh.
    func meshed(_ network: MeshWorld.Network) async throws {
        try await eventually("the mesh of network \(network.vni) is applied everywhere") {
            try await world.cluster.count(
                """
                SELECT COUNT(*) FROM applied_state AS a JOIN networks AS w ON w.id = a.network
                WHERE w.id = \(network.id) AND a.what = 'mesh' AND a.generation = w.generation
                """
            ) == world.hosts.count
        }
    }

    /// Waits until a host's netnode has let the port of a guest in.
    func letIn(_ guest: NamespaceHosts.Guest, on index: Int) async throws {
        try await eventually("\(guest.port) is let in") {
            try await world.underlay.run("nft list set bridge coports guests", in: world.hosts[index].namespace)
                .contains("\"\(guest.port)\"")
        }
    }

    /// The process ids of the dnsmasqs of a host.
    func servers(_ index: Int) -> [Int32] {
        let mark = "--conf-file=\(stateDirectory(index))/"
        return ProcFile.commandLines().filter { $0.text.contains(mark) }.map(\.pid)
    }

    fileprivate func endAll() async throws {
        defer { startedProxy.value?.close() }
        for program in started.value.values where program.isRunning {
            program.signal(SIGCONT)
            program.signal(SIGKILL)
            _ = try await program.end()
        }
    }
}

/// Gives a test hosts whose nodes may be elected, all or those in `networkNodes`, and `netnode` to start on them.
func withNetNodes(
    hosts: Int,
    networkNodes: Set<Int>? = nil,
    timing: NetNodes.Timing = .standard,
    on server: PrivateServer? = nil,
    _ body: @Sendable (NetNodes) async throws -> Void
) async throws {
    try await withMesh(hosts: hosts, networkNodes: networkNodes ?? Set(0..<hosts), on: server) { world in
        let directory = "/tmp/\(world.hosts[0].namespace)-netnodes"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        chmod(directory, 0o755)
        defer {
            try? FileManager.default.removeItem(atPath: directory)
            for host in world.hosts {
                try? FileManager.default.removeItem(
                    atPath: "/run/clusterops/namespaces-\(host.namespacePrefix).lock"
                )
            }
        }
        try Data("{}\n".utf8).write(to: URL(fileURLWithPath: "\(directory)/config.yaml"))
        let nodes = NetNodes(world, timing: timing, directory: directory)
        do {
            try await body(nodes)
        } catch {
            for index in world.hosts.indices {
                if let program = try? nodes.program(index) { print("--- h\(index + 1)\n\(program.log)") }
            }
            try? await nodes.endAll()
            throw error
        }
        try await nodes.endAll()
    }
}
