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

    /// Refuses an address that no guest of the network may have.
    func checkAddress(in cidr: CIDR) throws(ClusterOpsError) {
        guard cidr.contains(address) else {
            throw ClusterOpsError(.invalid, "address \(address) lies outside of network '\(network)', which is \(cidr)")
        }
        let reserved = [
            (cidr.network, "the network's own address"), (cidr.broadcast, "its broadcast address"),
            (cidr.serverAddress, "its server's address"),
        ]
        if let (_, role) = reserved.first(where: { $0.0 == address }) {
            throw ClusterOpsError(.invalid, "address \(address) is reserved in network '\(network)': it is \(role)")
        }
    }
}
