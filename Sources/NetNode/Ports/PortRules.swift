import ClusterModel

/// The part of the tables of ports that is about one network; pure.
package struct PortRules: Sendable, Hashable {
    /// A port whose frames may pass, with the addresses that they may have.
    package struct Port: Sendable, Hashable {
        package let device: LinkName
        package let mac: MACAddress
        /// In order, none in another one.
        package let sources: [IPv4CIDR]

        package init(device: LinkName, mac: MACAddress, sources: [IPv4CIDR]) {
            self.device = device
            self.mac = mac
            self.sources = sources
        }
    }

    package let vni: VNI
    /// The address that none of them may use, also where it lies in a range of sources.
    package let gateway: IPv4Address?
    /// A Boolean value that indicates whether every port passes, with whatever addresses.
    package let isOpen: Bool
    package let ports: [Port]
    /// The ports that are open, in order.
    package let openPorts: [LinkName]
    /// The addresses of an open network's guests on this node, in order, which do not count for what its bridge may
    /// learn.
    package let members: [MACAddress]

    /// The rules of a network with port security.
    package init(vni: VNI, gateway: IPv4Address?, ports: [Port]) {
        (self.vni, self.gateway, self.ports, isOpen) = (vni, gateway, ports, false)
        (openPorts, members) = ([], [])
    }

    private init(openOf vni: VNI, _ openPorts: [LinkName], _ members: [MACAddress]) {
        (self.vni, gateway, ports, isOpen) = (vni, nil, [], true)
        (self.openPorts, self.members) = (openPorts.sorted(), members.sorted())
    }

    /// The rules of a network without port security.
    package static func open(_ vni: VNI, ports: [LinkName] = [], members: [MACAddress] = []) -> PortRules {
        PortRules(openOf: vni, ports, members)
    }
}
