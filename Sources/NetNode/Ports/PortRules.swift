import ClusterModel

/// The part of the table of ports that is about one network; pure.
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

    /// The rules of a network with port security.
    package init(vni: VNI, gateway: IPv4Address?, ports: [Port]) {
        (self.vni, self.gateway, self.ports, isOpen) = (vni, gateway, ports, false)
    }

    private init(openOf vni: VNI) {
        (self.vni, gateway, ports, isOpen) = (vni, nil, [], true)
    }

    /// The rules of a network without port security.
    package static func open(_ vni: VNI) -> PortRules { PortRules(openOf: vni) }
}
