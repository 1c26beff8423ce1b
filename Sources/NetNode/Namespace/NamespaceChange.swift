import ClusterStore

/// One step that brings a network's namespace in the kernel to its wanted state.
package enum NamespaceChange: Sendable, Hashable {
    /// Deletes a name without a namespace.
    case deleteName
    case addNamespace
    /// Keeps devices inside from sending anything by themselves but a gratuitous ARP when they come up; taken before
    /// there is a device.
    case silenceNamespace
    /// Makes the rules of the namespace's own gate.
    case loadGate
    /// Opens or closes the namespace's own gate for its veth.
    case setGatewayGroup(isOpen: Bool)
    case raiseLoopback
    case deleteVeth
    /// Deletes a device inside that has the name of the veth's end and is another one.
    case deleteGateway
    /// It is in its group from the beginning; the gate matches the name all the same.
    case addVeth
    case setVethGroup
    case setVethMTU
    case silenceVeth
    case plugVeth
    /// Keeps frames from the namespace out of the node's own IP stack, also while the veth has no bridge.
    case closeVeth
    case raiseVeth
    case setGatewayMAC
    case setGatewayMTU
    case addAddress
    case removeAddress(String)
    case raiseGateway

    /// The veth's end inside.
    package static let gateway = InsideName.gateway

    /// The place where a step is taken.
    enum Place: Sendable, Hashable {
        /// By a program of its own.
        case alone
        /// In a batch of `ip` on the node, with those of other networks.
        case node
        /// By `sysctl` on the node, with those of other networks.
        case settings
        /// In a batch of `ip` on the node, after the settings.
        case raising
        /// In a batch of `ip` inside the namespace.
        case inside
    }

    var place: Place {
        switch self {
        case .deleteName, .addNamespace, .silenceNamespace, .loadGate, .deleteGateway: .alone
        case .deleteVeth, .addVeth, .setVethGroup, .setVethMTU, .silenceVeth, .plugVeth: .node
        case .closeVeth: .settings
        case .raiseVeth: .raising
        case .raiseLoopback, .setGatewayGroup, .setGatewayMAC, .setGatewayMTU, .addAddress, .removeAddress,
            .raiseGateway:
            .inside
        }
    }

    /// The program and its arguments, for a step by a program of its own, and whether it runs inside.
    func command(_ name: NamespaceName) -> (program: HostCommand.Program, arguments: [String], isInside: Bool)? {
        switch self {
        case .deleteName: (.ip, ["netns", "del", "\(name)"], false)
        case .addNamespace: (.ip, ["netns", "add", "\(name)"], false)
        case .deleteGateway: (.ip, ["link", "del", "dev", Self.gateway], true)
        case .silenceNamespace:
            (
                .sysctl,
                [
                    // -e: a kernel without IPv6 has no such key.
                    "-q", "-e", "-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1",
                    "net.ipv4.conf.all.arp_notify=1", "net.ipv4.conf.default.arp_notify=1",
                ],
                true
            )
        default: nil
        }
    }

    /// The line of the batch that does it; for settings the lines of `sysctl`.
    func batchLine(_ wanted: NamespaceWanted, in name: NamespaceName) -> String {
        let (veth, gateway) = (GatewayVethName(wanted.vni), Self.gateway)
        return switch self {
        case .deleteName, .addNamespace, .silenceNamespace, .loadGate, .deleteGateway:
            preconditionFailure("a step that stands alone has no line")
        case .raiseLoopback: "link set dev lo up"
        case .deleteVeth: "link del dev \(veth)"
        case .addVeth:
            "link add name \(veth) mtu \(wanted.mtu) group \(GateTable.group) type veth "
                + "peer name \(gateway) mtu \(wanted.mtu) address \(wanted.mac) netns \(name)"
        case .setVethGroup: "link set dev \(veth) group \(GateTable.group)"
        case .setVethMTU: "link set dev \(veth) mtu \(wanted.mtu)"
        case .silenceVeth: "link set dev \(veth) addrgenmode none"
        case .plugVeth: "link set dev \(veth) master \(BridgeName(wanted.vni))"
        case .closeVeth: StackSettings.closing(veth).joined(separator: "\n")
        case .raiseVeth: "link set dev \(veth) up"
        case .setGatewayGroup(let isOpen):
            "link set dev \(gateway) group \(NamespaceGate.group(isOpen: isOpen))"
        case .setGatewayMAC: "link set dev \(gateway) address \(wanted.mac)"
        case .setGatewayMTU: "link set dev \(gateway) mtu \(wanted.mtu)"
        case .addAddress: "addr add \(wanted.address)/\(wanted.prefixLength) dev \(gateway)"
        case .removeAddress(let address): "addr del \(address) dev \(gateway)"
        case .raiseGateway: "link set dev \(gateway) up"
        }
    }
}
