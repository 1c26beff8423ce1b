import ClusterModel

/// The destinations that guests do not reach by NAT.
package struct EgressRefusals: Sendable, Hashable {
    /// The ranges of IANA's special-purpose registry (RFC 6890) that are not reachable globally, and the multicast and
    /// reserved ones: among them the metadata services of clouds, which would take a guest for the node.
    ///
    /// Without the private ones (RFC 1918, RFC 6598): there an organisation has what guests are to reach.
    package static let specialPurpose = [
        (0, 8), (0x7f00_0000, 8), (0xa9fe_0000, 16), (0xc000_0000, 24), (0xc000_0200, 24), (0xc612_0000, 15),
        (0xc633_6400, 24), (0xcb00_7100, 24), (0xe000_0000, 4), (0xf000_0000, 4),
    ].map { IPv4CIDR(masking: IPv4Address(rawValue: $0), to: $1) }

    /// The underlay addresses of the nodes, and the network that this node's is in.
    let underlay: [IPv4CIDR]
    /// The ranges that are reached all the same.
    let allowed: [IPv4CIDR]

    /// Refuses the underlay and what is special.
    ///
    /// - Parameters:
    ///   - nodes: the underlay addresses of the nodes.
    ///   - networks: the networks of this node's underlay addresses.
    ///   - allowed: the ranges that are reached all the same.
    package init(nodes: Set<IPv4Address> = [], networks: [IPv4CIDR] = [], allowed: [IPv4CIDR] = []) {
        underlay = (nodes.map { IPv4CIDR(masking: $0, to: 32) } + networks).withoutNested
        self.allowed = allowed.withoutNested
    }

    /// Returns the underlay as it is refused beside an external network: where both are one segment, its other machines
    /// are as reachable as any outside.
    package func underlay(beside external: CIDR) -> [IPv4CIDR] {
        underlay.filter { $0.isOneAddress || !$0.overlaps(external.range) }
    }
}
