import ClusterDaemon
import ClusterModel
import ClusterOpsTestKit
import NetNode
import Testing

/// Whatever the kernel has and whatever is wanted: applying the diff to a model of the kernel leaves nothing to do.
@Suite struct MeshDiffPropertyTests {
    @Test(arguments: 0..<20)
    func `applying a diff gives what is wanted, and touches nothing else`(block: UInt64) throws {
        for seed in block * 100..<block * 100 + 100 {
            var world = RandomMesh(seed: seed)
            let wanted = try world.wanted()
            let before = try world.actual()
            let changes = MeshDiff.changes(from: before, to: wanted)
            var model = MeshModel(before)
            model.apply(changes)
            #expect(model.refusals == [], "seed \(seed)")
            #expect(MeshDiff.changes(from: model.actual, to: wanted) == [], "seed \(seed)")

            for network in wanted.networks {
                let flood = network.flood.map { ForwardingEntry(.flood, to: $0) }
                let guests = network.guests.map { ForwardingEntry(.guest($0.key), to: $0.value) }
                #expect(model.actual.entries[network.vni] ?? [] == Set(flood + guests), "seed \(seed)")
                let (bridge, tunnel) = (model.actual.bridges[network.vni], model.actual.tunnels[network.vni])
                #expect(bridge?.kind == "bridge" && bridge?.isUp == true, "seed \(seed)")
                #expect(bridge?.mtu == network.mtu.rawValue && tunnel?.mtu == network.mtu.rawValue, "seed \(seed)")
                #expect(
                    tunnel?.tunnel == Link.Tunnel(network.vni.rawValue, 4789, false, "\(network.local)"),
                    "seed \(seed)"
                )
                #expect(tunnel?.isUp == true && tunnel?.master == bridge?.name, "seed \(seed)")
                #expect(bridge?.stack == .closed && tunnel?.stack == .closed, "seed \(seed)")
            }
            let strays = Set(before.bridges.keys).union(before.tunnels.keys).subtracting(wanted.networks.map(\.vni))
            for vni in strays {
                #expect(model.actual.bridges[vni] == before.bridges[vni], "seed \(seed)")
                #expect(model.actual.tunnels[vni] == before.tunnels[vni], "seed \(seed)")
                #expect(model.actual.entries[vni] == before.entries[vni], "seed \(seed)")
            }
            let firstRemoval = changes.firstIndex { if case .removeEntry = $0 { true } else { false } }
            let lastAddition = changes.lastIndex { if case .addEntry = $0 { true } else { false } }
            if let firstRemoval, let lastAddition { #expect(lastAddition < firstRemoval, "seed \(seed)") }
        }
    }
}

/// Meshes of up to four networks, wanted and found, with everything wrong that a diff has to put right.
private struct RandomMesh {
    private var random: SeededGenerator
    private static let local = 0xc000_0201 as UInt32

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func wanted() throws -> MeshWanted {
        var networks: [MeshWanted.Network] = []
        for number in 1...4 where chance(3) {
            networks.append(
                MeshWanted.Network(
                    id: .new(),
                    name: try NetworkName("net-\(number)"),
                    vni: try VNI(number),
                    mtu: try MTU([1400, 1450, 8950].randomElement(using: &random) ?? 1450),
                    generation: 1,
                    local: IPv4Address(rawValue: Self.local),
                    flood: Set((1..<6).filter { _ in chance(2) }.map(peer)),
                    guests: try guests()
                )
            )
        }
        return MeshWanted(networks: networks)
    }

    /// Each VNI's tunnel has its own id or an unused one: two devices cannot have the same.
    mutating func actual() throws -> MeshActual {
        var actual = MeshActual()
        for number in 1...4 {
            let vni = try VNI(number)
            let (bridge, tunnel) = (BridgeName(vni), TunnelName(vni))
            if chance(3) {
                let mode = chance(2) ? "none" : "eui64"
                let link = Link.bridge(bridge, mtu: chance(2) ? 1450 : 1500, isUp: chance(2), mode: mode)
                    .with(stack: .some(chance(2) ? .closed : .open))
                actual.bridges[vni] = chance(5) ? link.with(snoops: !chance(2)) : link.with(kind: "veth")
            }
            guard chance(3) else { continue }
            let isVXLAN = chance(5)
            actual.tunnels[vni] = Link.tunnel(
                tunnel,
                local: ["192.0.2.1", "192.0.2.9", nil].randomElement(using: &random) ?? nil,
                mtu: chance(2) ? 1450 : 1500,
                isUp: chance(2),
                master: actual.bridges[vni]?.kind == "bridge" && chance(2) ? "\(bridge)" : nil,
                mode: chance(2) ? "none" : "eui64",
                id: chance(4) ? number : 50 + number,
                port: chance(4) ? 4789 : 8472,
                learning: chance(2)
            ).with(stack: .some(chance(2) ? .closed : .open)).with(
                kind: isVXLAN ? "vxlan" : "veth",
                tunnel: isVXLAN ? nil : .some(nil)
            )
            if isVXLAN { actual.entries[vni] = try entries() }
        }
        return actual
    }

    private mutating func entries() throws -> Set<ForwardingEntry> {
        var entries = Set((1..<6).filter { _ in chance(2) }.map { ForwardingEntry(.flood, to: peer($0)) })
        for (mac, peer) in try guests() {
            entries.insert(ForwardingEntry(.guest(mac), to: peer, detour: chance(4) ? nil : .init(port: 8472)))
        }
        if !chance(2) { entries.insert(ForwardingEntry(.flood, to: peer(1), detour: .init(vni: 9))) }
        if !chance(2) { entries.insert(ForwardingEntry(.other("01:00:5e:00:00:01"), to: peer(2))) }
        return entries
    }

    private mutating func guests() throws -> [MACAddress: IPv4Address] {
        var guests: [MACAddress: IPv4Address] = [:]
        for number in 1...8 where chance(2) {
            guests[try MACAddress("02:00:00:00:00:0\(number)")] = peer(Int.random(in: 1..<6, using: &random))
        }
        return guests
    }

    private func peer(_ number: Int) -> IPv4Address { IPv4Address(rawValue: Self.local + UInt32(number)) }

    /// False once in so many times.
    private mutating func chance(_ times: Int) -> Bool { Int.random(in: 0..<times, using: &random) != 0 }
}
