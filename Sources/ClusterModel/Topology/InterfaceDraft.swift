/// A guest's interface that is to be added.
package struct InterfaceDraft: Sendable, Hashable {
    /// The longest list of allowed addresses.
    ///
    /// More than a router or a cluster's virtual addresses need, and few enough for rules on every node. The schema has
    /// as many places for them.
    package static let mostAllowedAddresses = 16

    package let network: NetworkName
    package let node: NodeName
    package let mac: MACAddress
    package let address: IPv4Address
    package let hostname: HostName
    /// The source addresses that the guest may use besides its own, in order and each once.
    package let allowedAddresses: [IPv4CIDR]

    /// Describes an interface.
    package init(
        network: NetworkName,
        node: NodeName,
        mac: MACAddress,
        address: IPv4Address,
        hostname: HostName,
        allowedAddresses: Set<IPv4CIDR> = []
    ) {
        self.network = network
        self.node = node
        self.mac = mac
        self.address = address
        self.hostname = hostname
        self.allowedAddresses = allowedAddresses.sorted()
    }

    /// Refuses addresses that no guest of its network may have, and names by which it could not be reached.
    package func check(in record: NetworkRecord) throws(ClusterOpsError) {
        let (cidr, vni) = (try record.addresses, record.vni)
        guard cidr.contains(address) else {
            throw ClusterOpsError(.invalid, "address \(address) lies outside of network '\(network)', which is \(cidr)")
        }
        if let role = cidr.role(of: address) {
            throw ClusterOpsError(.invalid, "address \(address) is reserved in network '\(network)': it is \(role)")
        }
        if let role = mac.role(in: vni) {
            throw ClusterOpsError(.invalid, "MAC address \(mac) is reserved in network '\(network)': it is \(role)")
        }
        let objection =
            SpecialUseName.objection(to: hostname)
            ?? record.domain.flatMap { SpecialUseName.objection(to: hostname, in: $0) }
        if let objection { throw ClusterOpsError(.invalid, "host name '\(hostname)' cannot be used: \(objection)") }
        try checkAllowedAddresses(in: cidr)
    }

    private func checkAllowedAddresses(in cidr: CIDR) throws(ClusterOpsError) {
        guard allowedAddresses.count <= Self.mostAllowedAddresses else {
            throw ClusterOpsError(
                .invalid,
                "\(allowedAddresses.count) allowed addresses: expected at most \(Self.mostAllowedAddresses)"
            )
        }
        for allowed in allowedAddresses {
            // Guests may speak to each other by link-local addresses, and a router may forward anything.
            guard let special = SpecialPurposeRange.allCases.first(where: { $0.range.contains(allowed) }),
                special != .linkLocal
            else { continue }
            throw ClusterOpsError(
                .invalid,
                "\(allowed) cannot be allowed: no host has such an address, because \(special.sentence)"
            )
        }
        // A wider range with the server's address in it is a router's; the node leaves out that one address of it.
        if allowedAddresses.contains(IPv4CIDR(masking: cidr.serverAddress, to: 32)) {
            throw ClusterOpsError(
                .invalid,
                "address \(cidr.serverAddress) cannot be allowed in network '\(network)': it is its server's address"
            )
        }
    }
}

/// A change of an interface; all that is nil stays as it is, and allowed addresses that are not cleared.
package struct InterfaceChange: Sendable, Hashable {
    package var node: NodeName?
    package var mac: MACAddress?
    package var address: IPv4Address?
    package var hostname: HostName?
    /// A Boolean value that indicates whether the allowed addresses that it has are taken back.
    package var clearsAllowedAddresses: Bool
    /// The allowed addresses that it gets besides those that are left.
    package var addedAllowedAddresses: Set<IPv4CIDR>

    package init(
        node: NodeName? = nil,
        mac: MACAddress? = nil,
        address: IPv4Address? = nil,
        hostname: HostName? = nil,
        clearsAllowedAddresses: Bool = false,
        addedAllowedAddresses: Set<IPv4CIDR> = []
    ) {
        self.node = node
        self.mac = mac
        self.address = address
        self.hostname = hostname
        self.clearsAllowedAddresses = clearsAllowedAddresses
        self.addedAllowedAddresses = addedAllowedAddresses
    }

    /// The interface as it is afterwards.
    package func applied(to interface: Interface) -> InterfaceDraft {
        InterfaceDraft(
            network: interface.network,
            node: node ?? interface.node,
            mac: mac ?? interface.mac,
            address: address ?? interface.address,
            hostname: hostname ?? interface.hostname,
            allowedAddresses: addedAllowedAddresses.union(clearsAllowedAddresses ? [] : interface.allowedAddresses)
        )
    }
}

extension CIDR {
    /// Returns the purpose of an address of the network, if guests may not have it.
    package func role(of address: IPv4Address) -> String? {
        switch address {
        case network: "the network's own address"
        case broadcast: "its broadcast address"
        case serverAddress: "its server's address"
        default: nil
        }
    }
}

extension MACAddress {
    /// Returns the purpose of the address in the network of a VNI, if guests may not have it.
    package func role(in vni: VNI) -> String? {
        self == .gateway(of: vni) ? "its gateway's address" : nil
    }
}
