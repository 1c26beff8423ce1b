import ClusterModel
import NetNode

/// What the kernel does with a change, as far as a mesh is concerned: the rules that were measured on Linux.
struct MeshModel {
    var actual: MeshActual
    /// What the kernel would have refused.
    private(set) var refusals: [MeshChange] = []

    init(_ actual: MeshActual) {
        self.actual = actual
    }

    mutating func apply(_ changes: [MeshChange]) {
        for change in changes where !perform(change) { refusals.append(change) }
    }

    private mutating func perform(_ change: MeshChange) -> Bool {
        switch change {
        case .deleteBridge(let name):
            for (vni, tunnel) in actual.tunnels where tunnel.master == name.description {
                actual.tunnels[vni] = tunnel.with(master: .some(nil))
            }
            return actual.bridges.removeValue(forKey: name.vni) != nil
        case .deleteTunnel(let name):
            actual.entries[name.vni] = nil
            return actual.tunnels.removeValue(forKey: name.vni) != nil
        case .createBridge(let name):
            guard actual.bridges[name.vni] == nil else { return false }
            actual.bridges[name.vni] = .bridge(name, mtu: 1500, isUp: false, mode: "eui64")
                .with(stack: .some(.open), snoops: true)
        case .createTunnel(let name, let local, let mtu):
            let isTaken = actual.tunnels.values.compactMap(\.tunnel).contains {
                $0.id == name.vni.rawValue && $0.port == 4789
            }
            guard actual.tunnels[name.vni] == nil, !isTaken else { return false }
            actual.tunnels[name.vni] = .tunnel(
                name,
                local: local.description,
                mtu: mtu.rawValue,
                isUp: false,
                master: nil,
                mode: "eui64"
            ).with(stack: .some(.open))
        case .setTunnel(let name, let local):
            return alter(name) { $0.with(tunnel: $0.tunnel.map { .init($0.id, $0.port, false, local.description) }) }
        case .setTunnelMTU(let name, let mtu): return alter(name) { $0.with(mtu: mtu.rawValue) }
        case .silenceTunnel(let name): return alter(name) { $0.with(mode: .some("none")) }
        case .closeBridge(let name): return alter(name) { $0.with(stack: .some(.closed)) }
        case .closeTunnel(let name): return alter(name) { $0.with(stack: .some(.closed)) }
        case .plugTunnel(let name):
            guard actual.bridges[name.vni]?.kind == "bridge" else { return false }
            return alter(name) { $0.with(master: .some(BridgeName(name.vni).description)) }
        case .raiseTunnel(let name): return alter(name) { $0.with(isUp: true) }
        case .setBridgeMTU(let name, let mtu): return alter(name) { $0.with(mtu: mtu.rawValue) }
        case .silenceBridge(let name): return alter(name) { $0.with(mode: .some("none"), snoops: false) }
        case .raiseBridge(let name): return alter(name) { $0.with(isUp: true) }
        case .addEntry(let name, let entry):
            guard actual.tunnels[name.vni]?.tunnel != nil else { return false }
            if entry.station != .flood {
                actual.entries[name.vni] = actual.entries[name.vni]?.filter { $0.station != entry.station }
            }
            actual.entries[name.vni, default: []].insert(entry)
        case .removeEntry(let name, let entry):
            return actual.entries[name.vni]?.remove(entry) != nil
        }
        return true
    }

    private mutating func alter(_ name: TunnelName, _ how: (Link) -> Link) -> Bool {
        guard let link = actual.tunnels[name.vni] else { return false }
        actual.tunnels[name.vni] = how(link)
        return true
    }

    private mutating func alter(_ name: BridgeName, _ how: (Link) -> Link) -> Bool {
        guard let link = actual.bridges[name.vni] else { return false }
        actual.bridges[name.vni] = how(link)
        return true
    }
}

extension StackSettings {
    /// As the kernel has them of a new device.
    static let open = StackSettings(forwards: false, reversePathFilter: 0, arpIgnore: 0, isIPv6Disabled: false)
}

extension Link.Tunnel {
    init(_ id: Int, _ port: Int, _ learning: Bool, _ local: String?) {
        self.init(id: id, port: port, learning: learning, local: local)
    }
}

extension Link {
    static func bridge(_ name: BridgeName, mtu: Int = 1450, isUp: Bool = true, mode: String? = "none") -> Link {
        Link(
            name: "\(name)",
            mtu: mtu,
            isUp: isUp,
            master: nil,
            kind: "bridge",
            ipv6AddressMode: mode,
            tunnel: nil
        )
    }

    static func tunnel(
        _ name: TunnelName,
        index: Int = 0,
        local: String? = "192.0.2.1",
        mtu: Int = 1450,
        isUp: Bool = true,
        master: String?,
        mode: String? = "none",
        id: Int? = nil,
        port: Int = 4789,
        learning: Bool = false
    ) -> Link {
        Link(
            name: "\(name)",
            index: index,
            mtu: mtu,
            isUp: isUp,
            master: master,
            kind: "vxlan",
            ipv6AddressMode: mode,
            tunnel: Link.Tunnel(id ?? name.vni.rawValue, port, learning, local)
        )
    }

    func with(
        mtu: Int? = nil,
        isUp: Bool? = nil,
        master: String?? = nil,
        kind: String?? = nil,
        mode: String?? = nil,
        stack: StackSettings?? = nil,
        snoops: Bool? = nil,
        tunnel: Tunnel?? = nil
    ) -> Link {
        Link(
            name: name,
            mtu: mtu ?? self.mtu,
            isUp: isUp ?? self.isUp,
            master: master ?? self.master,
            lower: lower,
            kind: kind ?? self.kind,
            ipv6AddressMode: mode ?? self.ipv6AddressMode,
            stack: stack ?? self.stack,
            snoopsMulticast: snoops ?? snoopsMulticast,
            tunnel: tunnel ?? self.tunnel
        )
    }
}
