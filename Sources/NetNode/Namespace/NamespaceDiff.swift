import ClusterModel

/// Finds the steps that bring a network's namespace in the kernel to its wanted state; pure.
package enum NamespaceDiff {
    /// Finds the steps in their order.
    ///
    /// - Parameters:
    ///   - actual: the namespace in the kernel.
    ///   - wanted: the wanted namespace.
    ///   - gate: the state of the namespaces' own gates; nil where that is not compared.
    /// - Returns: The steps; none means that nothing is wrong.
    package static func changes(
        from actual: NamespaceActual,
        to wanted: NamespaceWanted,
        gate: NamespaceGate? = nil
    ) -> [NamespaceChange] {
        var changes: [NamespaceChange] = []
        var loopbackIsUp = false
        var gateway: NamespaceActual.Gateway?
        switch actual.interior {
        case .absent: changes.append(.addNamespace)
        case .broken: changes += [.deleteName, .addNamespace]
        case .present(let isUp, let found): (loopbackIsUp, gateway) = (isUp, found)
        }
        // A veth whose other end is elsewhere leads nowhere; and a gateway without our veth, which somebody has renamed
        // or made, has the name that the new one needs.
        var veth = actual.veth
        if !isVeth(veth, of: gateway) {
            if veth != nil { changes.append(.deleteVeth) }
            if gateway != nil { changes.append(.deleteGateway) }
            (veth, gateway) = (nil, nil)
        }
        if let veth {
            if let gate, gateway?.hasGateRules(gate) == false { changes.append(.loadGate) }
            changes += self.changes(of: veth, to: wanted)
        } else {
            // The gate first: no device inside is ever without it.
            changes += [.silenceNamespace, .loadGate, .addVeth, .silenceVeth, .plugVeth, .closeVeth, .raiseVeth]
        }
        if let gate, !gate.isRight(gateway?.group ?? "0") { changes.append(.setGatewayGroup(isOpen: gate.isOpen)) }
        if !loopbackIsUp { changes.append(.raiseLoopback) }
        return changes + self.changes(of: gateway, to: wanted)
    }

    private static func isVeth(_ veth: Link?, of gateway: NamespaceActual.Gateway?) -> Bool {
        guard let veth, let gateway else { return false }
        return veth.isOtherEnd(of: gateway.peer)
    }

    private static func changes(of veth: Link, to wanted: NamespaceWanted) -> [NamespaceChange] {
        var changes: [NamespaceChange] = []
        if veth.group != String(GateTable.group) { changes.append(.setVethGroup) }
        if veth.mtu != wanted.mtu.rawValue { changes.append(.setVethMTU) }
        if let mode = veth.ipv6AddressMode, mode != "none" { changes.append(.silenceVeth) }
        if veth.master != BridgeName(wanted.vni).description { changes.append(.plugVeth) }
        if veth.isOpenToHost { changes.append(.closeVeth) }
        if !veth.isUp { changes.append(.raiseVeth) }
        return changes
    }

    private static func changes(
        of gateway: NamespaceActual.Gateway?,
        to wanted: NamespaceWanted
    ) -> [NamespaceChange] {
        guard let gateway else { return [.addAddress, .raiseGateway] }
        let address = "\(wanted.address)/\(wanted.prefixLength)"
        var changes: [NamespaceChange] = []
        if gateway.isIPv6Disabled == false { changes.append(.silenceNamespace) }
        if gateway.mac != wanted.mac.description { changes.append(.setGatewayMAC) }
        if gateway.mtu != wanted.mtu.rawValue { changes.append(.setGatewayMTU) }
        if !gateway.addresses.contains(address) { changes.append(.addAddress) }
        changes += gateway.addresses.subtracting([address]).sorted().map { .removeAddress($0) }
        if !gateway.isUp { changes.append(.raiseGateway) }
        return changes
    }
}
