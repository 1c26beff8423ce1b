import ClusterDaemon
import ClusterModel
import NetNode
import Testing

@Suite struct MeshDiffTests {
    let bridge: BridgeName
    let tunnel: TunnelName
    let mtu: MTU
    let local: IPv4Address
    let second: IPv4Address
    let third: IPv4Address
    let mac: MACAddress

    init() throws {
        let vni = try VNI(100)
        (bridge, tunnel) = (BridgeName(vni), TunnelName(vni))
        mtu = try MTU(1450)
        (local, second) = (try IPv4Address("192.0.2.1"), try IPv4Address("192.0.2.2"))
        third = try IPv4Address("192.0.2.3")
        mac = try MACAddress("02:00:00:00:00:01")
    }

    private func wanted(
        flood: Set<IPv4Address>? = nil,
        guests: [MACAddress: IPv4Address]? = nil,
        mtu: MTU? = nil
    ) throws -> MeshWanted {
        MeshWanted(networks: [
            MeshWanted.Network(
                id: .new(),
                name: try NetworkName("blue"),
                vni: bridge.vni,
                mtu: mtu ?? self.mtu,
                generation: 7,
                local: local,
                flood: flood ?? [second, third],
                guests: guests ?? [mac: second]
            )
        ])
    }

    private var entries: Set<ForwardingEntry> {
        [
            ForwardingEntry(.flood, to: second), ForwardingEntry(.flood, to: third),
            ForwardingEntry(.guest(mac), to: second),
        ]
    }

    private func actual(
        bridge: Link?? = nil,
        tunnel: Link?? = nil,
        entries: Set<ForwardingEntry>? = nil
    ) -> MeshActual {
        var actual = MeshActual()
        actual.bridges[self.bridge.vni] = bridge ?? .bridge(self.bridge)
        actual.tunnels[self.bridge.vni] = tunnel ?? .tunnel(self.tunnel, master: "cobr100")
        actual.entries[self.bridge.vni] = entries ?? self.entries
        return actual
    }

    private var additionOfAll: [MeshChange] {
        [
            .addEntry(tunnel, ForwardingEntry(.flood, to: second)),
            .addEntry(tunnel, ForwardingEntry(.flood, to: third)),
            .addEntry(tunnel, ForwardingEntry(.guest(mac), to: second)),
        ]
    }

    private var creationOfTunnel: [MeshChange] {
        [
            .createTunnel(tunnel, local: local, mtu: mtu), .silenceTunnel(tunnel), .plugTunnel(tunnel),
            .closeTunnel(tunnel), .raiseTunnel(tunnel),
        ]
    }

    @Test func `from nothing, the devices come first, then the entries`() throws {
        #expect(
            MeshDiff.changes(from: MeshActual(), to: try wanted())
                == [
                    .createBridge(bridge), .silenceBridge(bridge), .setBridgeMTU(bridge, mtu), .closeBridge(bridge),
                    .raiseBridge(bridge),
                ] + creationOfTunnel + additionOfAll
        )
    }

    @Test func `where all is as wanted there is nothing to do, and strays are not compared`() throws {
        var actual = actual()
        #expect(MeshDiff.changes(from: actual, to: try wanted()) == [])
        let stray = try VNI(101)
        actual.bridges[stray] = .bridge(BridgeName(stray), mtu: 9000, isUp: false)
        actual.entries[stray] = [ForwardingEntry(.flood, to: third)]
        #expect(MeshDiff.changes(from: actual, to: try wanted()) == [])
        #expect(MeshDiff.changes(from: actual, to: MeshWanted(networks: [])) == [])
    }

    @Test func `a guest that moved is replaced and never removed`() throws {
        #expect(
            MeshDiff.changes(from: actual(), to: try wanted(guests: [mac: third]))
                == [.addEntry(tunnel, ForwardingEntry(.guest(mac), to: third))]
        )
    }

    @Test func `a peer that left goes after the one that came`() throws {
        let fourth = try IPv4Address("192.0.2.4")
        #expect(
            MeshDiff.changes(from: actual(), to: try wanted(flood: [third, fourth], guests: [:]))
                == [
                    .addEntry(tunnel, ForwardingEntry(.flood, to: fourth)),
                    .removeEntry(tunnel, ForwardingEntry(.flood, to: second)),
                    .removeEntry(tunnel, ForwardingEntry(.guest(mac), to: second)),
                ]
        )
    }

    @Test func `a tunnel of another VNI, port or kind is made anew, with all its entries`() throws {
        let wrong: [Link] = [
            .tunnel(tunnel, master: "cobr100", id: 101), .tunnel(tunnel, master: "cobr100", port: 8472),
            .tunnel(tunnel, master: "cobr100").with(kind: "veth", tunnel: .some(nil)),
        ]
        for link in wrong {
            #expect(
                MeshDiff.changes(from: actual(tunnel: link), to: try wanted())
                    == [.deleteTunnel(tunnel)] + creationOfTunnel + additionOfAll
            )
        }
    }

    @Test func `a bridge that is none is made anew, and the tunnel plugged into it`() throws {
        let changes = MeshDiff.changes(from: actual(bridge: Link.bridge(bridge).with(kind: "veth")), to: try wanted())
        #expect(
            changes == [
                .deleteBridge(bridge), .createBridge(bridge), .silenceBridge(bridge), .setBridgeMTU(bridge, mtu),
                .closeBridge(bridge), .raiseBridge(bridge), .plugTunnel(tunnel),
            ]
        )
    }

    @Test func `what can be changed in place is changed in place`() throws {
        let right = Link.tunnel(tunnel, master: "cobr100")
        let cases: [(Link, [MeshChange])] = [
            (.tunnel(tunnel, local: nil, master: "cobr100"), [.setTunnel(tunnel, local: local)]),
            (.tunnel(tunnel, local: "192.0.2.9", master: "cobr100"), [.setTunnel(tunnel, local: local)]),
            (.tunnel(tunnel, master: "cobr100", learning: true), [.setTunnel(tunnel, local: local)]),
            (right.with(mtu: 1500), [.setTunnelMTU(tunnel, mtu)]), (right.with(isUp: false), [.raiseTunnel(tunnel)]),
            (right.with(master: "br0"), [.plugTunnel(tunnel)]), (right.with(mode: "eui64"), [.silenceTunnel(tunnel)]),
            (right.with(mode: .some(nil)), []),
        ]
        for (link, changes) in cases {
            #expect(MeshDiff.changes(from: actual(tunnel: link), to: try wanted()) == changes)
        }
        let bridges: [(Link, [MeshChange])] = [
            (.bridge(bridge, mtu: 1500), [.setBridgeMTU(bridge, mtu)]),
            (.bridge(bridge, isUp: false), [.raiseBridge(bridge)]),
            (.bridge(bridge, mode: "eui64"), [.silenceBridge(bridge)]),
            (Link.bridge(bridge).with(snoops: true), [.silenceBridge(bridge)]),
        ]
        for (link, changes) in bridges {
            #expect(MeshDiff.changes(from: actual(bridge: link), to: try wanted()) == changes)
        }
        let jumbo = try MTU(8950)
        #expect(
            MeshDiff.changes(from: actual(), to: try wanted(mtu: jumbo))
                == [.setBridgeMTU(bridge, jumbo), .setTunnelMTU(tunnel, jumbo)]
        )
    }

    @Test func `a device from which the node's stack takes anything is closed, before it is raised`() throws {
        var open = [StackSettings](repeating: .closed, count: 4)
        open[0].forwards = true
        open[1].reversePathFilter = 2
        open[2].arpIgnore = 1
        open[3].isIPv6Disabled = false
        for settings in open {
            let (bridge, tunnel) = (Link.bridge(self.bridge), Link.tunnel(self.tunnel, master: "cobr100"))
            #expect(
                MeshDiff.changes(
                    from: actual(bridge: bridge.with(isUp: false, stack: .some(settings))),
                    to: try wanted()
                ) == [.closeBridge(self.bridge), .raiseBridge(self.bridge)]
            )
            #expect(
                MeshDiff.changes(
                    from: actual(tunnel: tunnel.with(isUp: false, stack: .some(settings))),
                    to: try wanted()
                ) == [.closeTunnel(self.tunnel), .raiseTunnel(self.tunnel)]
            )
        }
        var without = StackSettings.closed
        without.isIPv6Disabled = nil
        #expect(without.isClosed, "a kernel without IPv6 has none to disable")
    }

    @Test func `entries that are not wanted are removed just as they are, detours and multicast too`() throws {
        let foreign = [
            ForwardingEntry(.flood, to: second, detour: .init(port: 8472)),
            ForwardingEntry(.guest(try MACAddress("02:00:00:00:00:99")), to: third),
            ForwardingEntry(.other("01:00:5e:00:00:01"), to: second),
        ]
        let changes = MeshDiff.changes(from: actual(entries: entries.union(foreign)), to: try wanted())
        #expect(changes.count == foreign.count)
        #expect(Set(changes) == Set(foreign.map { .removeEntry(tunnel, $0) }))
        // A wanted guest's row with a detour is put right by replacing it.
        let detoured = ForwardingEntry(.guest(mac), to: second, detour: .init(vni: 5))
        let flood = entries.filter { $0.station == .flood }
        #expect(
            MeshDiff.changes(from: actual(entries: flood.union([detoured])), to: try wanted())
                == [.addEntry(tunnel, ForwardingEntry(.guest(mac), to: second))]
        )
    }

    @Test func `batch lines name every device behind a keyword, and every part of a row that is removed`() throws {
        let detour = ForwardingEntry.Detour(port: 8472, vni: 5, device: try LinkName("eth0"))
        let lines: [(MeshChange, String)] = [
            (.addEntry(tunnel, ForwardingEntry(.flood, to: second)), "fdb append 00:00:00:00:00:00 dev covx100"),
            (.addEntry(tunnel, ForwardingEntry(.guest(mac), to: second)), "fdb replace 02:00:00:00:00:01 dev covx100"),
            (.removeEntry(tunnel, ForwardingEntry(.flood, to: second)), "fdb del 00:00:00:00:00:00 dev covx100"),
        ]
        for (change, line) in lines {
            #expect(change.batchLine == line + " dst 192.0.2.2 self permanent")
        }
        #expect(
            MeshChange.removeEntry(tunnel, ForwardingEntry(.flood, to: second, detour: detour)).batchLine
                == "fdb del 00:00:00:00:00:00 dev covx100 dst 192.0.2.2 self permanent port 8472 vni 5 via eth0"
        )
        #expect(
            MeshChange.createTunnel(tunnel, local: local, mtu: mtu).batchLine
                == "link add name covx100 mtu 1450 type vxlan id 100 local 192.0.2.1 dstport 4789 nolearning"
        )
    }
}
