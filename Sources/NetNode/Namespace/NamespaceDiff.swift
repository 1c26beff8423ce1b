import ClusterModel

/// Finds the steps from what the kernel has of a network's namespace to what is wanted of it; pure.
package enum NamespaceDiff {
    /// The steps in the order in which they work; none means that nothing is wrong.
    package static func changes(from actual: NamespaceActual, to wanted: NamespaceWanted) -> [NamespaceChange] {
        var changes: [NamespaceChange] = []
        var loopbackIsUp = false
        var gateway: NamespaceActual.Gateway?
        switch actual.interior {
        case .absent: changes.append(.addNamespace)
        case .broken: changes += [.deleteName, .addNamespace]
        case .present(let isUp, let found): (loopbackIsUp, gateway) = (isUp, found)
        }
        // A leg whose other end is elsewhere leads nowhere; and a gateway without our leg, which somebody has renamed or
        // made, has the name that the new one needs.
        var leg = actual.leg
        if !isLeg(leg, of: gateway) {
            if leg != nil { changes.append(.deleteLeg) }
            if gateway != nil { changes.append(.deleteGateway) }
            (leg, gateway) = (nil, nil)
        }
        if let leg {
            changes += self.changes(of: leg, to: wanted)
        } else {
            changes += [.silenceNamespace, .addLeg, .silenceLeg, .plugLeg, .closeLeg, .raiseLeg]
        }
        if !loopbackIsUp { changes.append(.raiseLoopback) }
        return changes + self.changes(of: gateway, to: wanted)
    }

    private static func isLeg(_ leg: Link?, of gateway: NamespaceActual.Gateway?) -> Bool {
        guard let leg, let gateway else { return false }
        return leg.isOtherEnd(of: gateway.peer)
    }

    private static func changes(of leg: Link, to wanted: NamespaceWanted) -> [NamespaceChange] {
        var changes: [NamespaceChange] = []
        if leg.group != String(GateTable.group) { changes.append(.setLegGroup) }
        if leg.mtu != wanted.mtu.rawValue { changes.append(.setLegMTU) }
        if let mode = leg.ipv6AddressMode, mode != "none" { changes.append(.silenceLeg) }
        if leg.master != BridgeName(wanted.vni).description { changes.append(.plugLeg) }
        if leg.isOpenToHost { changes.append(.closeLeg) }
        if !leg.isUp { changes.append(.raiseLeg) }
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
