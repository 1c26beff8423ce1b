import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

/// The wanted state of the networks on a node, from one snapshot of the database.
package struct NodeWanted: Sendable {
    /// A Boolean value that indicates whether the node may be elected.
    package let isNetworkNode: Bool
    /// The node's share of the mesh.
    package let mesh: MeshWanted
    /// The servers, and with them the namespaces, of a node that may be elected; by VNI.
    package let servers: [ServerWanted]
    /// The ports of the guests that the node hosts, of the same networks as the mesh.
    package let ports: [PortsWanted]
    /// Networks that are left as they are, because their rows cannot be read.
    package let unreadable: [UnreadableNetwork]

    init(
        isNetworkNode: Bool,
        mesh: MeshWanted,
        servers: [ServerWanted],
        ports: [PortsWanted],
        unreadable: [UnreadableNetwork]
    ) {
        self.isNetworkNode = isNetworkNode
        self.mesh = mesh
        self.servers = servers
        self.ports = ports
        self.unreadable = unreadable
    }

    /// Creates the wanted state of a snapshot.
    ///
    /// - Throws: `ClusterOpsError` when the snapshot does not say where the node itself is.
    package init(_ snapshot: WantedStatements.Snapshot) throws(ClusterOpsError) {
        isNetworkNode = snapshot.isNetworkNode
        mesh = try MeshWanted(snapshot.mesh.rows, unreadable: snapshot.mesh.unreadable, on: snapshot.node)
        servers = ServerWanted.all(in: snapshot.servers.rows)
        ports = PortsWanted.all(in: snapshot.ports.rows)
        let found = snapshot.mesh.unreadable + snapshot.servers.unreadable + snapshot.ports.unreadable
        let all = found.map { ($0.id, $0) }
        unreadable = Dictionary(all) { first, _ in first }.values.sorted { "\($0.id)" < "\($1.id)" }
    }

    /// Reads the wanted state of a node, of all networks or of some VNIs.
    ///
    /// - Throws: `DatabaseError`, and `ClusterOpsError` when there is no such node.
    package static func read(
        on node: NodeName,
        of vnis: Set<VNI>? = nil,
        in database: Database
    ) async throws -> NodeWanted {
        let found = try await database.withSession { try WantedStatements.snapshot(on: node, of: vnis, on: $0) }
        guard let found else { throw ClusterOpsError(.notFound, "there is no node '\(node)'") }
        return try NodeWanted(found)
    }

    /// The VNIs that are wanted on the node, including those of networks whose rows cannot be decoded.
    package var vnis: Set<VNI> { mesh.vnis.union(unreadable.compactMap(\.vni)) }

    /// A Boolean value that indicates whether something of a VNI stands behind the gate of the node.
    func needsNamespace(_ vni: VNI) -> Bool { isNetworkNode && vnis.contains(vni) }

    var namespaces: [NamespaceWanted] { servers.map(NamespaceWanted.init) }
}

/// The wanted state of each network at its last run, for drift checks and for times without the database; pure.
struct KnownNetworks: Sendable {
    private struct Known: Sendable {
        let mesh: MeshWanted.Network
        let namespace: NamespaceWanted?
        let server: ServerWanted?
        /// A Boolean value that indicates whether the kernel has had all of it.
        var wasReached = false

        func isSame(as other: Known) -> Bool { mesh == other.mesh && namespace == other.namespace }
    }

    private var networks: [VNI: Known] = [:]

    /// Replaces the wanted state of some VNIs; those that `wanted` does not have are wanted no more.
    mutating func note(_ wanted: NodeWanted, of vnis: Set<VNI>) {
        let previous = networks
        for vni in vnis { networks[vni] = nil }
        let servers = Dictionary(wanted.servers.map { ($0.vni, $0) }) { first, _ in first }
        for mesh in wanted.mesh.networks {
            let server = servers[mesh.vni]
            var known = Known(mesh: mesh, namespace: server.map(NamespaceWanted.init), server: server)
            known.wasReached = previous[mesh.vni].map { $0.wasReached && $0.isSame(as: known) } ?? false
            networks[mesh.vni] = known
        }
    }

    /// Notes that the kernel has all that was wanted of some networks.
    mutating func noteReached(_ vnis: some Sequence<VNI>) {
        for vni in vnis { networks[vni]?.wasReached = true }
    }

    /// Forgets a network that was removed.
    mutating func forget(_ vni: VNI) { networks[vni] = nil }

    var vnis: Set<VNI> { Set(networks.keys) }

    /// Returns the nodes that share a network with this one: those of the known networks, and of tunnels of which
    /// nothing is known, as after a start without the database, those that the kernel has rows for.
    func peers(_ actual: MeshActual) -> Set<IPv4Address> {
        let rows = actual.entries.filter { networks[$0.key] == nil }.flatMap { $0.value.map(\.destination) }
        return networks.values.reduce(into: Set(rows)) { $0.formUnion($1.mesh.flood) }
    }

    /// Returns the underlay addresses of this node, likewise.
    func localAddresses(_ actual: MeshActual) -> Set<IPv4Address> {
        let tunnels = actual.tunnels.filter { networks[$0.key] == nil }.compactMap { $0.value.tunnel?.local }
        return Set(networks.values.map(\.mesh.local) + tunnels.compactMap { try? IPv4Address($0) })
    }

    /// The names of the networks.
    var names: [VNI: NetworkName] { networks.mapValues(\.mesh.name) }

    func id(of vni: VNI) -> NetworkID? { networks[vni]?.mesh.id }
    func vni(of id: NetworkID) -> VNI? { networks.first { $0.value.mesh.id == id }?.key }

    /// The MTU of the largest of them; nil where there is none.
    var largestMTU: MTU? { networks.values.map(\.mesh.mtu).max() }

    /// The VNIs whose namespaces are wanted.
    var namespaces: [VNI] { networks.filter { $0.value.namespace != nil }.map(\.key) }

    /// Returns the servers that were last wanted of some VNIs.
    func servers(of vnis: Set<VNI>) -> [ServerWanted] {
        networks.filter { vnis.contains($0.key) }.values.compactMap(\.server)
    }

    /// Returns the last wanted state of some VNIs, without their servers.
    func wanted(of vnis: Set<VNI>) -> (mesh: MeshWanted, namespaces: [NamespaceWanted]) {
        let some = networks.filter { vnis.contains($0.key) }.values
        return (MeshWanted(networks: some.map(\.mesh)), some.compactMap(\.namespace))
    }

    /// The generation of a network at its last run; nil when it had none.
    func generation(of vni: VNI) -> UInt64? { networks[vni]?.mesh.generation }

    /// The networks of which the kernel had what was wanted, and has it no more: what nobody has changed in the
    /// database since was changed here.
    func lost(among vnis: Set<VNI>, in survey: HostSurvey) -> Set<VNI> {
        var some = self
        some.networks = networks.filter { vnis.contains($0.key) && $0.value.wasReached }
        return some.drift(in: survey)
    }

    /// The networks whose state in the kernel differs from what was wanted; entries are compared of those networks of
    /// which the survey has them.
    func drift(in survey: HostSurvey) -> Set<VNI> {
        let mesh = MeshDiff.changes(from: survey.mesh, to: MeshWanted(networks: networks.values.map(\.mesh)))
        let namespaces = networks.values.compactMap(\.namespace).filter {
            !NamespaceDiff.changes(from: survey.namespace($0.vni), to: $0).isEmpty
        }
        return Set(mesh.filter { survey.entries[$0.vni] != nil || !$0.isOfEntries }.map(\.vni))
            .union(namespaces.map(\.vni))
    }
}
