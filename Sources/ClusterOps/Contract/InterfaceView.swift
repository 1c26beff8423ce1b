/// A guest's interface as the `interface` commands print it.
public struct InterfaceView: Codable, Sendable, Hashable {
    /// What it is known by.
    public let uuid: InterfaceID
    /// Its network.
    public let network: NetworkName
    /// The node that hosts the guest.
    public let node: NodeName
    /// Its hardware address.
    public let mac: MACAddress
    /// Its address in the network.
    public let address: IPv4Address
    /// The guest's name in the network.
    public let hostname: HostName
    /// The external address under which it is reached from outside, and seen there.
    @NullWhenUnknown public var floatingAddress: IPv4Address?

    private enum CodingKeys: String, CodingKey {
        case uuid, network, node, mac, address, hostname
        case floatingAddress = "floating_address"
    }
}
