/// A guest's interface that is to be added.
package struct InterfaceDraft: Sendable, Hashable {
    package let network: NetworkName
    package let node: NodeName
    package let mac: MACAddress
    package let address: IPv4Address
    package let hostname: HostName

    /// Describes an interface.
    package init(
        network: NetworkName,
        node: NodeName,
        mac: MACAddress,
        address: IPv4Address,
        hostname: HostName
    ) {
        self.network = network
        self.node = node
        self.mac = mac
        self.address = address
        self.hostname = hostname
    }

    /// Refuses addresses that no guest of its network may have.
    package func check(in cidr: CIDR, _ vni: VNI) throws(ClusterOpsError) {
        guard cidr.contains(address) else {
            throw ClusterOpsError(.invalid, "address \(address) lies outside of network '\(network)', which is \(cidr)")
        }
        if let role = cidr.role(of: address) {
            throw ClusterOpsError(.invalid, "address \(address) is reserved in network '\(network)': it is \(role)")
        }
        if let role = mac.role(in: vni) {
            throw ClusterOpsError(.invalid, "MAC address \(mac) is reserved in network '\(network)': it is \(role)")
        }
    }
}

/// A change of an interface; all that is nil stays as it is.
package struct InterfaceChange: Sendable, Hashable {
    package var node: NodeName?
    package var mac: MACAddress?
    package var address: IPv4Address?
    package var hostname: HostName?

    package init(
        node: NodeName? = nil,
        mac: MACAddress? = nil,
        address: IPv4Address? = nil,
        hostname: HostName? = nil
    ) {
        self.node = node
        self.mac = mac
        self.address = address
        self.hostname = hostname
    }

    /// The interface as it is afterwards.
    package func applied(to interface: Interface) -> InterfaceDraft {
        InterfaceDraft(
            network: interface.network,
            node: node ?? interface.node,
            mac: mac ?? interface.mac,
            address: address ?? interface.address,
            hostname: hostname ?? interface.hostname
        )
    }
}

extension CIDR {
    /// Returns the purpose of an address of the network, if guests may not have it.
    package func role(of address: IPv4Address) -> String? {
        switch address {
        case network: "the network's own address"
        case broadcast: "its broadcast address"
        case serverAddress: "its server's address"
        default: nil
        }
    }
}

extension MACAddress {
    /// Returns the purpose of the address in the network of a VNI, if guests may not have it.
    package func role(in vni: VNI) -> String? {
        switch self {
        case .gateway(of: vni): "its gateway's address"
        case .probe(of: vni): "the address for which its server is asked whether it answers"
        default: nil
        }
    }
}
