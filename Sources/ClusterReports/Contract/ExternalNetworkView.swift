import ClusterEngine
import ClusterModel

/// The external network as the `external` commands print it.
package struct ExternalNetworkView: Codable, Sendable, Hashable {
    /// The addresses of the segment outside.
    package let cidr: CIDR
    /// The next router.
    package let gateway: IPv4Address
    /// The first address that may be given out.
    package let firstAddress: IPv4Address
    /// The last address that may be given out.
    package let lastAddress: IPv4Address
    /// The number of addresses that are given out, to networks and as floating IPs.
    package let addressesUsed: Int
    /// The number of addresses that are left.
    package let addressesFree: Int

    private enum CodingKeys: String, CodingKey {
        case cidr, gateway
        case firstAddress = "first_address"
        case lastAddress = "last_address"
        case addressesUsed = "addresses_used"
        case addressesFree = "addresses_free"
    }
}

extension ExternalNetworkUse: Reported {
    /// The external network as the `external` commands print it.
    package var view: ExternalNetworkView {
        ExternalNetworkView(
            cidr: network.cidr,
            gateway: network.gateway,
            firstAddress: network.first,
            lastAddress: network.last,
            addressesUsed: addressesUsed,
            addressesFree: addressesFree
        )
    }
}
