import ClusterModel

/// One step that brings the mesh in the kernel to its wanted state.
package enum MeshChange: Sendable, Hashable {
    case deleteBridge(BridgeName)
    case deleteTunnel(TunnelName)
    case createBridge(BridgeName)
    case createTunnel(TunnelName, local: IPv4Address, mtu: MTU)
    /// Sets the local address of an existing tunnel, and turns learning off; its entries stay.
    case setTunnel(TunnelName, local: IPv4Address)
    case setBridgeMTU(BridgeName, MTU)
    case setTunnelMTU(TunnelName, MTU)
    /// Keeps the node's own traffic out of the guests' network: IPv6 addresses that devices give themselves, by which
    /// guests could reach the node, and the reports that a snooping bridge sends to every peer as it comes up. Snooping
    /// itself would do nothing here, where there is no querier.
    case silenceBridge(BridgeName)
    case silenceTunnel(TunnelName)
    /// Keeps the guests' traffic out of the node's IP stack.
    case closeBridge(BridgeName)
    case closeTunnel(TunnelName)
    case plugTunnel(TunnelName)
    case raiseBridge(BridgeName)
    case raiseTunnel(TunnelName)
    /// Adds a row; a guest's row replaces the one it had.
    case addEntry(TunnelName, ForwardingEntry)
    case removeEntry(TunnelName, ForwardingEntry)

    /// The port of RFC 7348, always given: the kernel's own default is 8472.
    package static let port = UnderlayAccess.port

    package var vni: VNI {
        switch self {
        case .deleteBridge(let bridge), .createBridge(let bridge), .setBridgeMTU(let bridge, _),
            .silenceBridge(let bridge), .closeBridge(let bridge), .raiseBridge(let bridge):
            bridge.vni
        case .deleteTunnel(let tunnel), .createTunnel(let tunnel, _, _), .setTunnel(let tunnel, _),
            .setTunnelMTU(let tunnel, _), .silenceTunnel(let tunnel), .closeTunnel(let tunnel),
            .plugTunnel(let tunnel), .raiseTunnel(let tunnel), .addEntry(let tunnel, _), .removeEntry(let tunnel, _):
            tunnel.vni
        }
    }

    /// The stages of a pass, in their order, each by one program: no device is up before it is closed.
    enum Stage {
        case devices, settings, raising, entries
    }

    var stage: Stage {
        switch self {
        case .addEntry, .removeEntry: .entries
        case .closeBridge, .closeTunnel: .settings
        case .raiseBridge, .raiseTunnel: .raising
        default: .devices
        }
    }

    package var isOfEntries: Bool { stage == .entries }

    /// The line of the batch that does it: of `bridge` for entries, of `ip` for devices; for settings the lines of
    /// `sysctl`.
    ///
    /// Names follow `dev` and `name`: `ip` reads a bare one as a keyword when it abbreviates one.
    package var batchLine: String {
        switch self {
        case .deleteBridge(let bridge): "link del dev \(bridge)"
        case .deleteTunnel(let tunnel): "link del dev \(tunnel)"
        case .createBridge(let bridge): "link add name \(bridge) type bridge"
        case .createTunnel(let tunnel, let local, let mtu):
            "link add name \(tunnel) mtu \(mtu) type vxlan id \(tunnel.vni) local \(local) dstport \(Self.port) nolearning"
        case .setTunnel(let tunnel, let local): "link set dev \(tunnel) type vxlan local \(local) nolearning"
        case .setBridgeMTU(let bridge, let mtu): "link set dev \(bridge) mtu \(mtu)"
        case .setTunnelMTU(let tunnel, let mtu): "link set dev \(tunnel) mtu \(mtu)"
        case .silenceBridge(let bridge): "link set dev \(bridge) addrgenmode none type bridge mcast_snooping 0"
        case .silenceTunnel(let tunnel): "link set dev \(tunnel) addrgenmode none"
        case .closeBridge(let bridge): StackSettings.closing(bridge).joined(separator: "\n")
        case .closeTunnel(let tunnel): StackSettings.closing(tunnel).joined(separator: "\n")
        case .plugTunnel(let tunnel): "link set dev \(tunnel) master \(BridgeName(tunnel.vni))"
        case .raiseBridge(let bridge): "link set dev \(bridge) up"
        case .raiseTunnel(let tunnel): "link set dev \(tunnel) up"
        case .addEntry(let tunnel, let entry): "fdb \(Self.verb(for: entry)) \(Self.words(entry, of: tunnel))"
        case .removeEntry(let tunnel, let entry): "fdb del \(Self.words(entry, of: tunnel))"
        }
    }

    /// `replace` refuses the address of all zeros; `append` to a guest's row does nothing and exits with 0.
    private static func verb(for entry: ForwardingEntry) -> String {
        entry.station == .flood ? "append" : "replace"
    }

    private static func words(_ entry: ForwardingEntry, of tunnel: TunnelName) -> String {
        var words = "\(entry.station) dev \(tunnel) dst \(entry.destination) self permanent"
        if let port = entry.detour?.port { words += " port \(port)" }
        if let vni = entry.detour?.vni { words += " vni \(vni)" }
        if let device = entry.detour?.device { words += " via \(device)" }
        return words
    }
}
