/// A network as its row has it.
package struct NetworkRecord: Sendable, Hashable {
    package let id: NetworkID
    package let name: NetworkName
    package let vni: VNI
    /// Nil where the row has one that is none, written past `clusterctl`; nodes leave such a network out and say so.
    package let cidr: CIDR?
    package var mtu: MTU
    package var domain: DomainName?
    package var dhcp: Bool
    package var dns: Bool
    /// A Boolean value that indicates whether guests may use only the addresses that their interfaces have.
    package var portSecurity: Bool
    /// A Boolean value that indicates whether DHCP gives guests a default route through the network's router.
    package var gateway: Bool
    package let generation: Int

    package init(
        id: NetworkID,
        name: NetworkName,
        vni: VNI,
        cidr: CIDR?,
        mtu: MTU,
        domain: DomainName? = nil,
        dhcp: Bool,
        dns: Bool,
        portSecurity: Bool = true,
        gateway: Bool = false,
        generation: Int
    ) {
        self.id = id
        self.name = name
        self.vni = vni
        self.cidr = cidr
        self.mtu = mtu
        self.domain = domain
        self.dhcp = dhcp
        self.dns = dns
        self.portSecurity = portSecurity
        self.gateway = gateway
        self.generation = generation
    }

    /// The network's addresses, for who cannot do without.
    ///
    /// - Throws: `ClusterOpsError` with code `invalid` when the row has none.
    package var addresses: CIDR {
        get throws(ClusterOpsError) {
            guard let cidr else {
                throw ClusterOpsError(
                    .invalid,
                    "network '\(name)' has no CIDR that can be read in its row: correct networks.cidr, or remove it"
                )
            }
            return cidr
        }
    }
}

/// A change of a network; all that is nil stays as it is.
package struct NetworkChange: Sendable, Hashable {
    /// A change of a network's domain.
    package enum Domain: Sendable, Hashable {
        case none
        case name(DomainName)
    }

    package var mtu: MTU?
    package var domain: Domain?
    package var dhcp: Bool?
    package var dns: Bool?
    package var nat: Bool?
    package var portSecurity: Bool?
    /// Nil follows a change of NAT.
    package var gateway: Bool?

    package init(
        mtu: MTU? = nil,
        domain: Domain? = nil,
        dhcp: Bool? = nil,
        dns: Bool? = nil,
        nat: Bool? = nil,
        portSecurity: Bool? = nil,
        gateway: Bool? = nil
    ) {
        self.mtu = mtu
        self.domain = domain
        self.dhcp = dhcp
        self.dns = dns
        self.nat = nat
        self.portSecurity = portSecurity
        self.gateway = gateway
    }

    /// The domain that it gets; nil when it keeps its own, or gets none.
    package var newDomain: DomainName? {
        if case .name(let name) = domain { name } else { nil }
    }

    /// Refuses an MTU or a domain that cannot work.
    package func check() throws(ClusterOpsError) {
        try NetworkDraft.check(mtu, newDomain)
    }

    /// The network's row as it is afterwards; whether NAT changes is told by `isOtherNAT`, because NAT is an address
    /// that the network has, and not in its row.
    package func applied(to network: NetworkRecord, isOtherNAT: Bool) -> NetworkRecord {
        var changed = network
        changed.mtu = mtu ?? network.mtu
        changed.dhcp = dhcp ?? network.dhcp
        changed.dns = dns ?? network.dns
        changed.portSecurity = portSecurity ?? network.portSecurity
        changed.gateway = gateway ?? (isOtherNAT ? nat : nil) ?? network.gateway
        switch domain {
        case nil: break
        case .some(.none): changed.domain = nil
        case .name(let name): changed.domain = name
        }
        return changed
    }
}

/// A network that is to be added.
package struct NetworkDraft: Sendable, Hashable {
    /// The part of an Ethernet frame's 1,500 bytes that VXLAN leaves: 50 go to its headers.
    package static let defaultMTU = 1450

    /// The least MTU of a network: what IPv6 needs on every link (RFC 8200), and more than DHCP's 576 bytes (RFC 2131).
    package static let leastMTU = 1280

    package let name: NetworkName
    package let vni: VNI
    package let cidr: CIDR
    package let mtu: MTU
    package let domain: DomainName?
    package let dhcp: Bool
    package let dns: Bool
    /// A Boolean value that indicates whether it gets egress, under an external address of its own.
    package let nat: Bool
    /// A Boolean value that indicates whether guests may use only the addresses that their interfaces have.
    package let portSecurity: Bool
    /// A Boolean value that indicates whether DHCP gives guests a default route through the network's router.
    package let gateway: Bool

    /// Describes a network; without a word on the default route, it has one if it has NAT.
    package init(
        name: NetworkName,
        vni: VNI,
        cidr: CIDR,
        mtu: MTU,
        domain: DomainName?,
        dhcp: Bool,
        dns: Bool,
        nat: Bool = false,
        portSecurity: Bool = true,
        gateway: Bool? = nil
    ) {
        self.name = name
        self.vni = vni
        self.cidr = cidr
        self.mtu = mtu
        self.domain = domain
        self.dhcp = dhcp
        self.dns = dns
        self.nat = nat
        self.portSecurity = portSecurity
        self.gateway = gateway ?? nat
    }

    /// Refuses an MTU or a domain that cannot work.
    package func check() throws(ClusterOpsError) {
        try Self.check(mtu, domain)
    }

    /// Refuses an MTU or a domain that cannot work; nil is refused by nobody.
    fileprivate static func check(_ mtu: MTU?, _ domain: DomainName?) throws(ClusterOpsError) {
        if let mtu, mtu.rawValue < leastMTU {
            throw ClusterOpsError(.invalid, "MTU \(mtu): expected at least \(leastMTU), which IPv6 needs on every link")
        }
        if let domain, let objection = SpecialUseName.objection(to: domain) {
            throw ClusterOpsError(.invalid, "domain '\(domain)' cannot be used: \(objection)")
        }
    }
}
