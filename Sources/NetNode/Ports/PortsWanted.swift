import ClusterModel
import ClusterStore

/// The wanted state of the ports of one network on a node: whose frames may come in there, and with which addresses.
package struct PortsWanted: Sendable, Hashable {
    /// A guest of the node, by one of its interfaces.
    package struct Guest: Sendable, Hashable {
        package let interface: InterfaceID
        package let mac: MACAddress
        /// The source addresses that it may use: in order, none in another one.
        package let sources: [IPv4CIDR]

        package init(interface: InterfaceID, mac: MACAddress, sources: [IPv4CIDR]) {
            self.interface = interface
            self.mac = mac
            self.sources = sources
        }
    }

    package let network: NetworkID
    package let vni: VNI
    /// A Boolean value that indicates whether guests may use only the addresses that the database gives them.
    package let isSecured: Bool
    /// The address of the network's server and router, which no guest may use; nil where it cannot be read.
    package let gateway: IPv4Address?
    /// In the order of their interfaces.
    package let guests: [Guest]
    /// The faults of rows of interfaces on this node, of which no port can be known.
    package let objections: [String]

    package init(
        network: NetworkID,
        vni: VNI,
        isSecured: Bool,
        gateway: IPv4Address?,
        guests: [Guest] = [],
        objections: [String] = []
    ) {
        self.network = network
        self.vni = vni
        self.isSecured = isSecured
        self.gateway = gateway
        self.guests = guests.sorted { $0.interface.description < $1.interface.description }
        self.objections = objections
    }

    /// Makes sense of the rows of a snapshot, of which each network has one at least.
    static func all(in rows: [PortStatements.Row]) -> [PortsWanted] {
        Dictionary(grouping: rows, by: \.vni).values.map { rows in
            PortsWanted(
                network: rows[0].network,
                vni: rows[0].vni,
                isSecured: rows[0].portSecurity,
                gateway: rows[0].gateway,
                // Among further addresses could be the gateway's, if nobody can tell which that is.
                guests: rows.compactMap(\.port).map { Guest($0, isAllowedMore: rows[0].gateway != nil) },
                objections: rows.compactMap(\.unreadable).map {
                    "interface \($0.interface) cannot be read: \($0.reason)"
                } + (rows[0].gateway == nil ? [withoutGateway] : [])
            )
        }
    }

    private static let withoutGateway =
        "the network's CIDR cannot be read: guests may use the addresses of their interfaces and no further ones"

    /// A network of which it cannot be read what is wanted, and nothing is known from before: every port is closed.
    init(unreadable network: NetworkID, vni: VNI) {
        self.init(network: network, vni: vni, isSecured: true, gateway: nil)
    }

    /// The same network without a guest on this node: every port is closed.
    var closed: PortsWanted { PortsWanted(network: network, vni: vni, isSecured: true, gateway: gateway) }
}

extension PortsWanted.Guest {
    init(_ port: PortStatements.Row.Port, isAllowedMore: Bool) {
        let own = IPv4CIDR(masking: port.address, to: 32)
        let sources = isAllowedMore ? ([own] + port.allowed).withoutNested : [own]
        self.init(interface: port.interface, mac: port.mac, sources: sources)
    }
}
