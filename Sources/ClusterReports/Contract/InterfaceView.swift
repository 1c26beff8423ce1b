import ClusterModel

/// A guest's interface as the `interface` commands print it.
package struct InterfaceView: Codable, Sendable, Hashable {
    /// The identifier of the interface.
    package let uuid: InterfaceID
    /// Its network.
    package let network: NetworkName
    /// The node that hosts the guest.
    package let node: NodeName
    /// Its hardware address.
    package let mac: MACAddress
    /// Its address in the network.
    package let address: IPv4Address
    /// The guest's name in the network.
    package let hostname: HostName
    /// The external address under which it is reached from outside, and seen there.
    @NullWhenUnknown package var floatingAddress: IPv4Address?
    /// The ports of that address that lead to the guest; none is all of them.
    package let floatingPorts: [FloatingPort]
    /// The source addresses that the guest may use besides its own.
    package let allowedAddresses: [IPv4CIDR]

    private enum CodingKeys: String, CodingKey {
        case uuid, network, node, mac, address, hostname
        case floatingAddress = "floating_address"
        case floatingPorts = "floating_ports"
        case allowedAddresses = "allowed_addresses"
    }
}

extension Interface: Reported {
    /// The interface as the `interface` commands print it.
    package var view: InterfaceView {
        InterfaceView(
            uuid: id,
            network: network,
            node: node,
            mac: mac,
            address: address,
            hostname: hostname,
            floatingAddress: floatingAddress,
            floatingPorts: floatingPorts,
            allowedAddresses: allowedAddresses
        )
    }
}
