import ClusterDaemon
import ClusterModel

/// Finds the steps that bring the mesh in the kernel to its wanted state.
///
/// Pure; no steps means that nothing is wrong. Only the networks that are wanted are compared: devices of others are
/// strays or about to be removed, and not for a diff to delete.
package enum MeshDiff {
    /// The steps in their order: devices first, deletions before additions; then the entries, additions before
    /// removals, so that no peer is missing in between.
    package static func changes(from actual: MeshActual, to wanted: MeshWanted) -> [MeshChange] {
        var deletions: [MeshChange] = []
        var devices: [MeshChange] = []
        var additions: [MeshChange] = []
        var removals: [MeshChange] = []
        for network in wanted.networks {
            let (bridge, tunnel) = (BridgeName(network.vni), TunnelName(network.vni))
            var haveBridge = actual.bridges[network.vni]
            var haveTunnel = actual.tunnels[network.vni]
            if let have = haveBridge, have.kind != "bridge" {
                deletions.append(.deleteBridge(bridge))
                haveBridge = nil
            }
            if let have = haveTunnel, !isUsable(have, as: tunnel) {
                deletions.append(.deleteTunnel(tunnel))
                haveTunnel = nil
            }
            devices += changes(of: bridge, haveBridge, to: network)
            devices += changes(of: tunnel, haveTunnel, on: haveBridge, to: network)
            let entries = haveTunnel == nil ? [] : actual.entries[network.vni] ?? []
            additions += missing(in: entries, of: network).map { .addEntry(tunnel, $0) }
            removals += unwanted(in: entries, of: network).map { .removeEntry(tunnel, $0) }
        }
        return deletions + devices + additions + removals
    }

    /// A device's VNI and port cannot be changed.
    private static func isUsable(_ link: Link, as name: TunnelName) -> Bool {
        link.tunnel.map { $0.id == name.vni.rawValue && $0.port == MeshChange.port } ?? false
    }

    private static func changes(of name: BridgeName, _ have: Link?, to network: MeshWanted.Network) -> [MeshChange] {
        guard let have else {
            // The MTU is set after the creation, not in it: only then does the kernel keep it, whatever MTU later ports
            // have.
            return [
                .createBridge(name), .silenceBridge(name), .setBridgeMTU(name, network.mtu), .closeBridge(name),
                .raiseBridge(name),
            ]
        }
        var changes: [MeshChange] = []
        if !isSilent(have) { changes.append(.silenceBridge(name)) }
        if have.mtu != network.mtu.rawValue { changes.append(.setBridgeMTU(name, network.mtu)) }
        if have.isOpenToHost { changes.append(.closeBridge(name)) }
        if !have.isUp { changes.append(.raiseBridge(name)) }
        return changes
    }

    private static func changes(
        of name: TunnelName,
        _ have: Link?,
        on bridge: Link?,
        to network: MeshWanted.Network
    ) -> [MeshChange] {
        guard let have else {
            return [
                .createTunnel(name, local: network.local, mtu: network.mtu), .silenceTunnel(name), .plugTunnel(name),
                .closeTunnel(name), .raiseTunnel(name),
            ]
        }
        var changes: [MeshChange] = []
        if have.tunnel?.local != network.local.description || have.tunnel?.learning != false {
            changes.append(.setTunnel(name, local: network.local))
        }
        if have.mtu != network.mtu.rawValue { changes.append(.setTunnelMTU(name, network.mtu)) }
        if !isSilent(have) { changes.append(.silenceTunnel(name)) }
        if bridge == nil || have.master != BridgeName(name.vni).description { changes.append(.plugTunnel(name)) }
        if have.isOpenToHost { changes.append(.closeTunnel(name)) }
        if !have.isUp { changes.append(.raiseTunnel(name)) }
        return changes
    }

    /// A kernel without IPv6 has no mode, and nothing to silence.
    private static func isSilent(_ link: Link) -> Bool {
        !link.snoopsMulticast && (link.ipv6AddressMode.map { $0 == "none" } ?? true)
    }

    private static func missing(
        in entries: Set<ForwardingEntry>,
        of network: MeshWanted.Network
    ) -> [ForwardingEntry] {
        // Only the missing ones are sorted: mostly none of thousands.
        let flood = network.flood.filter { !entries.contains(ForwardingEntry(.flood, to: $0)) }
        let guests = network.guests.filter { !entries.contains(ForwardingEntry(.guest($0.key), to: $0.value)) }
        return flood.sorted().map { ForwardingEntry(.flood, to: $0) }
            + guests.sorted { $0.key < $1.key }.map { ForwardingEntry(.guest($0.key), to: $0.value) }
    }

    /// A guest's row that leads elsewhere is replaced by the right one, not removed before it.
    private static func unwanted(
        in entries: Set<ForwardingEntry>,
        of network: MeshWanted.Network
    ) -> [ForwardingEntry] {
        entries.filter { entry in
            switch entry.station {
            case .flood: entry.detour != nil || !network.flood.contains(entry.destination)
            case .guest(let mac): network.guests[mac] == nil
            case .other: true
            }
        }.sorted { ($0.station.description, $0.destination) < ($1.station.description, $1.destination) }
    }
}
