import ClusterModel

/// The external network with the number of its addresses that are given out.
package struct ExternalNetworkUse: Sendable, Hashable {
    package let network: ExternalNetwork
    package let addressesUsed: Int

    /// The number of addresses that are left.
    package var addressesFree: Int { network.size - addressesUsed }
}
