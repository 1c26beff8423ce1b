/// A guest's interface as its row has it, with the floating address that it was given.
package struct Interface: Sendable, Hashable, Identifiable {
    package let id: InterfaceID
    package let network: NetworkName
    package let node: NodeName
    package let mac: MACAddress
    package let address: IPv4Address
    package let hostname: HostName
    /// The external address under which it is reached from outside; nil when it has none.
    package let floatingAddress: IPv4Address?
    /// The ports of the floating address that lead to the guest, in order; none is all of them.
    package let floatingPorts: [FloatingPort]
    /// The source addresses that the guest may use besides its own, in order.
    package let allowedAddresses: [IPv4CIDR]

    package init(
        id: InterfaceID,
        network: NetworkName,
        node: NodeName,
        mac: MACAddress,
        address: IPv4Address,
        hostname: HostName,
        floatingAddress: IPv4Address?,
        floatingPorts: [FloatingPort] = [],
        allowedAddresses: [IPv4CIDR] = []
    ) {
        self.id = id
        self.network = network
        self.node = node
        self.mac = mac
        self.address = address
        self.hostname = hostname
        self.floatingAddress = floatingAddress
        self.floatingPorts = floatingPorts
        self.allowedAddresses = allowedAddresses
    }
}
