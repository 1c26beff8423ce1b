/// A part of a network that a node brings about and records.
package enum AppliedPart: String, Sendable, Hashable, Codable, CaseIterable {
    /// The node's share of the VXLAN mesh.
    case mesh
    /// The DHCP and DNS server, on the elected node.
    case dnsmasq
    /// The network's egress with its floating addresses, on the elected node.
    case egress
}
