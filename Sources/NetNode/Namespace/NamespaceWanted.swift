import ClusterModel

/// The part of a network that a node that may be elected keeps ready: its namespace, with a veth into the node's
/// bridge.
///
/// The same on every node, the gateway's hardware address too: a take-over changes no entry in the guests' ARP caches.
package struct NamespaceWanted: Sendable, Hashable {
    package let vni: VNI
    package let mtu: MTU
    /// The server's and router's own address.
    package let address: IPv4Address
    package let prefixLength: Int

    package init(vni: VNI, mtu: MTU, address: IPv4Address, prefixLength: Int) {
        self.vni = vni
        self.mtu = mtu
        self.address = address
        self.prefixLength = prefixLength
    }

    package var mac: MACAddress { .gateway(of: vni) }
}
