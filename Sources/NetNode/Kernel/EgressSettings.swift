/// The kernel's settings of a network's namespace that egress needs.
package enum EgressSettings {
    /// The `sysctl` keys, each with its wanted value.
    ///
    /// Forwarding comes first, because it resets others.
    package static let all: [(key: String, value: String)] = [
        ("net.ipv4.ip_forward", "1"),
        // A guest that is redirected to a shorter path to a floating address would bypass the NAT.
        ("net.ipv4.conf.all.send_redirects", "0"), ("net.ipv4.conf.\(InsideName.gateway).send_redirects", "0"),
        // The guests' gateway is not answered for outside: other networks have the same addresses.
        ("net.ipv4.conf.\(InsideName.external).arp_ignore", "1"),
        ("net.ipv4.conf.\(InsideName.external).arp_announce", "2"),
    ]
}
