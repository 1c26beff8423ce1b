import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Logging
import MariaDB
import NetNode
import Testing

/// The tests on real namespaces, tunnels and frames: of each suite one at a time, and a few suites beside each other.
///
/// Each test has hosts of its own, and nothing of them is visible outside. All of them take 540 s of a processor.
@Suite(
    .fewAtOnce,
    .timeLimit(.minutes(15)),
    .enabled("needs root for network namespaces") { NamespaceHosts.unavailability == nil }
)
enum NamespaceTests {}

extension Tag {
    /// Suites of 40 s and more, which are let in first, so that none is left alone at the end.
    @Tag static var long: Self
}

/// Lets only so many of the suites within a suite run at once.
private struct SuiteTurn: SuiteTrait, TestTrait, TestScoping {
    /// On two processors, with their programs and the database, three at once failed beside other work: elected nodes
    /// missed their renewals.
    private static let turns = Turns(2)

    var isRecursive: Bool { true }

    /// The suites within, as a whole: a time limit is that of a test, and does not count the wait for the turn.
    func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? {
        test.isSuite && test.name != "\(NamespaceTests.self)" ? self : nil
    }

    @concurrent
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing body: @concurrent @Sendable () async throws -> Void
    ) async throws {
        await Self.turns.enter(isFirst: test.tags.contains(.long))
        do {
            try await body()
        } catch {
            await Self.turns.leave()
            throw error
        }
        await Self.turns.leave()
    }
}

extension Trait where Self == SuiteTurn {
    fileprivate static var fewAtOnce: SuiteTurn { SuiteTurn() }
}

/// Hosts that are nodes of a cluster: their mesh is in the kernel, what is wanted of it in a real database.
struct MeshWorld: Sendable {
    let cluster: TestCluster
    let underlay: NamespaceHosts
    let nodes: [NodeID]
    /// The commands that the reconcilers have started.
    let commands = Locked<[HostCommand]>([])

    /// A network, by what the tests need of it.
    struct Network: Sendable {
        let id: NetworkID
        let vni: VNI

        var bridge: String { "cobr\(vni)" }
        var tunnel: String { "covx\(vni)" }
    }

    var hosts: [NamespaceHosts.Host] { underlay.hosts }

    /// The name of a host's node.
    func name(_ index: Int) throws -> NodeName { try NodeName("h\(hosts[index].number)") }

    /// The mesh of a host's node, as one process brings it about; another call makes that of another process.
    ///
    /// It reads and changes the namespace of the host, or that of a file.
    func reconciler(_ index: Int, in namespace: String? = nil) throws -> NodeMesh {
        let path = namespace ?? hosts[index].namespacePath
        return NodeMesh(
            node: try name(index),
            database: cluster.database,
            namespace: path,
            reconciler: MeshReconciler(
                namespace: path,
                runner: HostCommandRunner { [commands] command in
                    commands.update { $0.append(command) }
                    return try await command.output()
                },
                logger: .silent
            )
        )
    }

    /// One pass on every host.
    @discardableResult
    func passEverywhere() async throws -> [MeshPass] {
        var passes: [MeshPass] = []
        for index in hosts.indices { passes.append(try await reconciler(index).pass()) }
        return passes
    }

    /// Adds a network 10.9.0.0/24.
    func addNetwork(_ name: String, vni: Int, mtu: Int = 1450) async throws -> Network {
        let network = Network(id: .new(), vni: try VNI(vni))
        try await cluster.execute(
            """
            INSERT INTO networks (id, name, vni, cidr, mtu, dhcp, dns)
            VALUES (\(network.id), \(name), \(vni), '10.9.0.0/24', \(mtu), TRUE, TRUE)
            """
        )
        return network
    }

    /// Adds an interface on a host to what is wanted, with the address of this number.
    @discardableResult
    func want(_ number: Int, in network: Network, on index: Int) async throws -> MACAddress {
        let mac = try mac(number, in: network)
        try await cluster.execute(
            """
            INSERT INTO interfaces (id, network, node, mac, address, hostname)
            VALUES (\(InterfaceID.new()), \(network.id), \(nodes[index]), \(mac), \(try address(number)),
                \("guest-\(number)"))
            """
        )
        try await bump(network)
        return mac
    }

    /// Moves an interface in what is wanted.
    func move(_ number: Int, in network: Network, to index: Int) async throws {
        try await cluster.execute(
            """
            UPDATE interfaces SET node = \(nodes[index])
            WHERE network = \(network.id) AND address = \(try address(number))
            """
        )
        try await bump(network)
    }

    /// Removes an interface from what is wanted.
    func drop(_ number: Int, in network: Network) async throws {
        try await cluster.execute(
            "DELETE FROM interfaces WHERE network = \(network.id) AND address = \(try address(number))"
        )
        try await bump(network)
    }

    /// Removes a network that has no interfaces, as `clusterctl network remove --no-apply` does.
    func removeNetwork(_ name: String) async throws {
        let cluster = ClusterConnection(
            database: cluster.database,
            requester: "test",
            waker: NoWaker(),
            logger: .silent
        )
        _ = try await Inventory(cluster, applies: false).removeNetwork(try NetworkName(name))
    }

    /// Starts the guest that goes with an interface.
    func start(_ number: Int, in network: Network, on index: Int) async throws -> NamespaceHosts.Guest {
        try await underlay.addGuest(
            to: hosts[index],
            vni: network.vni,
            mac: try mac(number, in: network),
            address: try address(number),
            mark: try await interface(number, in: network).map { .alias($0) } ?? .tap
        )
    }

    /// The id of an interface; nil when none is wanted.
    func interface(_ number: Int, in network: Network) async throws -> InterfaceID? {
        let address = try address(number)
        return try await cluster.database.withSession { session in
            try session.query("SELECT id FROM interfaces WHERE network = \(network.id) AND address = \(address)")
                .first?.only(InterfaceID.self)
        }
    }

    func address(_ number: Int) throws -> IPv4Address { try IPv4Address("10.9.0.\(number)") }

    func mac(_ number: Int, in network: Network) throws -> MACAddress {
        let (high, low) = (String(network.vni.rawValue % 100 + 10), String(100 + number).dropFirst())
        return try MACAddress("02:00:00:00:\(high):\(low)")
    }

    private func bump(_ network: Network) async throws {
        try await cluster.execute("UPDATE networks SET generation = generation + 1 WHERE id = \(network.id)")
    }
}

/// A node's share of the mesh, read and brought about as a run does it.
struct NodeMesh: Sendable {
    fileprivate let node: NodeName
    fileprivate let database: Database
    fileprivate let namespace: String
    fileprivate let reconciler: MeshReconciler

    /// Brings all of it to what is wanted now.
    func pass() async throws -> MeshPass {
        let wanted = try await NodeWanted.read(on: node, in: database)
        let survey = try await HostSurvey.take(in: namespace, names: [], rows: .all)
        return try await reconciler.pass(wanted.mesh, from: survey)
    }

    /// Deletes the devices of a network.
    func delete(_ vni: VNI) async throws -> MeshDeletion { try await reconciler.delete(vni) }
}

/// Gives a test hosts that are nodes `h1`…; those in `networkNodes`, counted from 0, have the network role too.
func withMesh(
    hosts: Int,
    networkNodes: Set<Int> = [],
    on server: PrivateServer? = nil,
    _ body: @Sendable (MeshWorld) async throws -> Void
) async throws {
    try await withCluster(on: server) { cluster in
        try await withHosts(count: hosts) { underlay in
            let nodes = underlay.hosts.map { _ in NodeID.new() }
            for (index, host) in underlay.hosts.enumerated() {
                try await cluster.execute(
                    """
                    INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
                    VALUES (\(nodes[index]), \("h\(host.number)"), \(host.address), TRUE,
                        \(networkNodes.contains(index)))
                    """
                )
            }
            try await body(MeshWorld(cluster: cluster, underlay: underlay, nodes: nodes))
        }
    }
}
