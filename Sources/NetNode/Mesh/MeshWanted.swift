import ClusterDaemon
import ClusterModel
import ClusterStore

/// The wanted state of a node's share of the mesh: one bridge and one VXLAN device for each network that concerns it.
///
/// Made from one snapshot of the database, so that what is applied is the state of one moment.
package struct MeshWanted: Sendable, Hashable {
    /// The share in one network.
    package struct Network: Sendable, Hashable {
        package let id: NetworkID
        package let name: NetworkName
        package let vni: VNI
        package let mtu: MTU
        /// The generation that is reached when the kernel has all this.
        package let generation: UInt64
        /// The node's own address in the underlay.
        package let local: IPv4Address
        /// The destinations of the copies of each broadcast: every other node that hosts a guest or has the network
        /// role.
        package let flood: Set<IPv4Address>
        /// The address of the node of each guest on another node.
        package let guests: [MACAddress: IPv4Address]

        package init(
            id: NetworkID,
            name: NetworkName,
            vni: VNI,
            mtu: MTU,
            generation: UInt64,
            local: IPv4Address,
            flood: Set<IPv4Address>,
            guests: [MACAddress: IPv4Address]
        ) {
            self.id = id
            self.name = name
            self.vni = vni
            self.mtu = mtu
            self.generation = generation
            self.local = local
            self.flood = flood
            self.guests = guests
        }
    }

    /// By VNI, ascending.
    package let networks: [Network]
    /// The networks whose rows cannot be decoded: their devices stay as they are.
    package let unreadable: [UnreadableNetwork]

    package init(networks: [Network], unreadable: [UnreadableNetwork] = []) {
        self.networks = networks.sorted { $0.vni < $1.vni }
        self.unreadable = unreadable
    }

    /// The VNIs of all networks that are wanted.
    package var vnis: Set<VNI> { Set(networks.map(\.vni)).union(unreadable.compactMap(\.vni)) }

    /// Creates the wanted state of a snapshot.
    ///
    /// - Throws: `ClusterOpsError` when the snapshot does not say where the node itself is.
    package init(
        _ rows: [MeshStatements.Row],
        unreadable: [UnreadableNetwork] = [],
        on node: NodeID
    ) throws(ClusterOpsError) {
        var networks: [Network] = []
        for (_, rows) in Dictionary(grouping: rows, by: \.network) {
            let first = rows[0]
            guard let local = rows.first(where: { $0.node == node })?.underlay else {
                throw ClusterOpsError(
                    .internalFailure,
                    "the mesh of network '\(first.name)' was read without node \(node) itself"
                )
            }
            // By address and not by node: an entry that leads back here would double every broadcast.
            let remote = rows.filter { $0.underlay != local }
            let guests = remote.compactMap { row in row.mac.map { ($0, row.underlay) } }
            networks.append(
                Network(
                    id: first.network,
                    name: first.name,
                    vni: first.vni,
                    mtu: first.mtu,
                    generation: first.generation,
                    local: local,
                    flood: Set(remote.map(\.underlay)),
                    // A MAC is unique in its network, by the schema.
                    guests: Dictionary(guests) { first, _ in first }
                )
            )
        }
        self.init(networks: networks, unreadable: unreadable)
    }
}
