/// The external network as the `external` commands print it.
public struct ExternalNetworkView: Codable, Sendable, Hashable {
    /// The addresses of the segment outside.
    public let cidr: CIDR
    /// The next router.
    public let gateway: IPv4Address
    /// The first address that may be given out.
    public let firstAddress: IPv4Address
    /// The last address that may be given out.
    public let lastAddress: IPv4Address
    /// How many are given out, to networks and as floating addresses.
    public let addressesUsed: Int
    /// How many are left.
    public let addressesFree: Int

    private enum CodingKeys: String, CodingKey {
        case cidr, gateway
        case firstAddress = "first_address"
        case lastAddress = "last_address"
        case addressesUsed = "addresses_used"
        case addressesFree = "addresses_free"
    }
}
