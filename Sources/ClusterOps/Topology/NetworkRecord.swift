/// A network as its row has it.
struct NetworkRecord: Sendable, Hashable {
    let id: NetworkID
    let name: NetworkName
    let vni: VNI
    let cidr: CIDR
    let mtu: MTU
    let domain: DomainName?
    let dhcp: Bool
    let dns: Bool
    let generation: Int
}

/// A network that is to be added.
package struct NetworkDraft: Sendable, Hashable {
    /// What VXLAN leaves of an Ethernet frame's 1,500 bytes: 50 go to its headers.
    package static let defaultMTU = 1450

    package let name: NetworkName
    package let vni: VNI
    package let cidr: CIDR
    package let mtu: MTU
    package let domain: DomainName?
    package let dhcp: Bool
    package let dns: Bool

    /// Describes a network.
    package init(name: NetworkName, vni: VNI, cidr: CIDR, mtu: MTU, domain: DomainName?, dhcp: Bool, dns: Bool) {
        self.name = name
        self.vni = vni
        self.cidr = cidr
        self.mtu = mtu
        self.domain = domain
        self.dhcp = dhcp
        self.dns = dns
    }
}
