import ClusterModel
import ClusterStore

/// A network's egress, as a node that may be elected keeps it ready: an external veth, and the rules of its NAT.
///
/// The same on every node, the hardware address too. Made from one snapshot of the database.
package struct EgressWanted: Sendable, Hashable {
    package let network: NetworkID
    package let vni: VNI
    /// The guests' addresses.
    package let cidr: CIDR
    /// The generation of this wanted state.
    package let generation: UInt64
    /// The addresses of the segment outside.
    package let external: CIDR
    package let gateway: IPv4Address
    /// The source address, outside, of guests without a floating address.
    package let address: IPv4Address
    /// Guests' addresses by their floating ones.
    package let floats: [IPv4Address: IPv4Address]
    /// The ports that lead to guests, by floating address; one that is not here leads there with all.
    package let ports: [IPv4Address: [FloatingPort]]
    /// The destinations that guests do not reach.
    package let refusals: EgressRefusals

    package init(
        network: NetworkID,
        vni: VNI,
        cidr: CIDR,
        generation: UInt64,
        external: CIDR,
        gateway: IPv4Address,
        address: IPv4Address,
        floats: [IPv4Address: IPv4Address],
        ports: [IPv4Address: [FloatingPort]] = [:],
        refusals: EgressRefusals = EgressRefusals()
    ) {
        self.network = network
        self.vni = vni
        self.cidr = cidr
        self.generation = generation
        self.external = external
        self.gateway = gateway
        self.address = address
        self.floats = floats
        self.ports = ports
        self.refusals = refusals
    }

    /// A snapshot of what is wanted of all networks, or of some.
    package struct Snapshot: Sendable, Hashable {
        /// By VNI.
        package let networks: [EgressWanted]
        /// The networks whose egress stays as it is, because their wanted state cannot be read.
        package let unreadable: [UnreadableNetwork]

        package init(_ networks: [EgressWanted], unreadable: [UnreadableNetwork] = []) {
            self.networks = networks
            self.unreadable = unreadable
        }

        /// Creates the wanted state of a snapshot, with a value for each network that has an address of its own.
        ///
        /// - Parameters:
        ///   - snapshot: the addresses.
        ///   - refusals: the destinations that guests of all of them do not reach.
        package init(_ snapshot: NetworkRows<ExternalStatements.Row>, _ refusals: EgressRefusals = .init()) {
            self.init(
                Dictionary(grouping: snapshot.rows, by: \.network).values
                    .compactMap { rows in rows.first { $0.inside == nil }.map { EgressWanted($0, rows, refusals) } }
                    .sorted { $0.vni < $1.vni },
                unreadable: snapshot.unreadable
            )
        }
    }

    private init(
        _ own: ExternalStatements.Row,
        _ rows: [ExternalStatements.Row],
        _ refusals: EgressRefusals
    ) {
        let pairs = rows.compactMap { row in row.inside.map { (row.address, $0) } }
        self.init(
            network: own.network,
            vni: own.vni,
            cidr: own.cidr,
            generation: own.generation,
            external: own.external,
            gateway: own.gateway,
            address: own.address,
            floats: Dictionary(pairs) { first, _ in first },
            ports: Dictionary(rows.filter { !$0.ports.isEmpty }.map { ($0.address, $0.ports) }) { first, _ in first },
            refusals: refusals
        )
    }

    package var mac: MACAddress { .external(address) }

    /// The addresses of `ext0`, with their prefix lengths.
    package var addresses: Set<String> {
        Set(floats.keys.map { "\($0)/32" }).union(["\(address)/\(external.prefixLength)"])
    }
}
