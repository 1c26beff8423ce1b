import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import MariaDB
import Testing

@testable import NetNode

@Suite struct UnderlayAccessTests {
    private func mesh(_ vni: Int, _ flood: [String]) throws -> MeshWanted.Network {
        MeshWanted.Network(
            id: .new(),
            name: try NetworkName("n\(vni)"),
            vni: try VNI(vni),
            mtu: try MTU(1450),
            generation: 1,
            local: try IPv4Address("192.0.2.1"),
            flood: Set(try flood.map { try IPv4Address($0) }),
            guests: [:]
        )
    }

    @Test func `nodes are those of the known networks, and of tunnels of which nothing is known those of their rows`()
        throws
    {
        let (first, second) = (try VNI(100), try VNI(200))
        let wanted = try MeshWanted(networks: [mesh(100, ["192.0.2.2", "192.0.2.3"])])
        var known = KnownNetworks()
        known.note(NodeWanted(isNetworkNode: false, mesh: wanted, servers: [], ports: [], unreadable: []), of: [first])
        func rows(_ addresses: String...) throws -> Set<ForwardingEntry> {
            Set(try addresses.map { ForwardingEntry(.flood, to: try IPv4Address($0)) })
        }
        let actual = MeshActual(entries: [first: try rows("192.0.2.66"), second: try rows("192.0.2.9")])
        #expect(known.peers(actual).map(\.description).sorted() == ["192.0.2.2", "192.0.2.3", "192.0.2.9"])
        #expect(KnownNetworks().peers(actual).map(\.description).sorted() == ["192.0.2.66", "192.0.2.9"])
        #expect(known.localAddresses(actual).map(\.description) == ["192.0.2.1"])
    }
}

extension NamespaceTests {
    /// Who may bring frames into a network from the underlay, and by which way; real VXLAN datagrams.
    @Suite(.serialized) struct UnderlayNamespaceTests {
        private static let vxlan: UInt16 = 4789

        /// Sends datagrams, and tells which of their frames a guest has received; the last one is a node's, which ends
        /// the waiting.
        private func arrived(
            at guest: NamespaceHosts.Guest,
            _ send: (_ packet: (String) throws -> [UInt8]) async throws -> Void,
            last: (_ packet: [UInt8]) throws -> Void
        ) async throws -> Set<String> {
            let wire = try RawPort("eth0", in: guest.namespace)
            let vni = try VNI(200)
            func packet(_ text: String) throws -> [UInt8] {
                let source = (mac: try MACAddress("02:00:00:00:99:99"), address: guest.address)
                let target = (mac: guest.mac, address: guest.address, port: UInt16(7777))
                return GuestFrame.vxlan(vni, GuestFrame.datagram(from: source, to: target, Array("<\(text)>".utf8)))
            }
            try await send(packet)
            var seen: Set<String> = []
            try await eventually("what a node sends arrives", within: .seconds(5)) {
                try last(try packet("last"))
                for frame in wire.frames() {
                    let text = String(decoding: frame, as: UTF8.self)
                    if let match = text.firstMatch(of: /<([a-z ]+)>/) { seen.insert(String(match.1)) }
                }
                return seen.contains("last")
            }
            return seen.subtracting(["last"])
        }

        private func udp(_ packet: [UInt8], from host: NamespaceHosts.Host, to target: IPv4Address) throws {
            try UDPPort(0, in: host.namespace).send(packet, to: target.rawValue, port: Self.vxlan)
        }

        @Test func `a frame comes in from a node that shares a network, and from no other machine and by no other way`()
            async throws
        {
            try await withMesh(hosts: 4) { world in
                let red = try await world.addNetwork("red", vni: 200)
                for index in 0..<2 { try await world.want(11 + index, in: red, on: index) }
                let (node, stranger, outside) = (world.hosts[1], world.hosts[2], world.hosts[3])
                let victim = world.hosts[0]
                try await connectOutside(world.underlay, [victim.namespace], to: outside.namespace)
                try await world.underlay.run("ip addr add 203.0.113.12/24 dev xbr", in: victim.namespace)
                let shown = try await world.underlay.run("ip -o link show dev xbr", in: victim.namespace)
                let bridgeMAC = try MACAddress(String(try #require(shown.firstMatch(of: /ether ([0-9a-f:]+)/)).1))
                try await world.withLoop(0) { loop in
                    func reconcile() async throws {
                        let result = try await loop.reconcile(.network(red.vni), .operation)
                        #expect(result.meshTrouble == nil)
                    }
                    try await reconcile()
                    let guest = try await world.start(11, in: red, on: 0)
                    // Its port is let in by a run: nothing here hears of it.
                    try await reconcile()
                    let cable = try RawPort("out0", in: outside.namespace)
                    let external = try IPv4Address("203.0.113.12")
                    func attack() async throws -> Set<String> {
                        try await arrived(at: guest) { packet in
                            try udp(try packet("stranger"), from: stranger, to: victim.address)
                            try udp(try packet("outside"), from: outside, to: external)
                            for (text, address) in [("forged", external), ("weak host", victim.address)] {
                                let source = (mac: try MACAddress("02:00:00:00:77:77"), address: node.address)
                                let target = (mac: bridgeMAC, address: address, port: Self.vxlan)
                                try cable.send(GuestFrame.datagram(from: source, to: target, try packet(text)))
                            }
                        } last: { packet in
                            try udp(packet, from: node, to: victim.address)
                        }
                    }
                    #expect(try await attack() == [])
                    // With an interface of the network, a machine of the underlay is a node that shares it.
                    try await world.want(13, in: red, on: 2)
                    try await reconcile()
                    #expect(try await attack() == ["stranger"])
                    try await world.drop(13, in: red)
                    try await reconcile()
                    #expect(try await attack() == [])
                    // By the rule alone: without it, all of them arrive.
                    try await world.underlay.run("nft flush chain inet coplane tunnels", in: victim.namespace)
                    #expect(try await attack() == ["stranger", "outside", "forged", "weak host"])
                }
            }
        }

        @Test func `with a device for the underlay, datagrams come in there alone`() async throws {
            try await withMesh(hosts: 2) { world in
                let (victim, node) = (world.hosts[0], world.hosts[1])
                let gate = Gate(
                    namespace: victim.namespacePath,
                    access: UnderlayAccess(interface: try LinkName("under0"), nodes: [node.address]),
                    logger: .silent
                )
                try await gate.close()
                let service = try UDPPort(Self.vxlan, in: victim.namespace)
                func arrives(_ text: String) async throws -> Bool {
                    try udp(Array(text.utf8), from: node, to: victim.address)
                    // On the machine itself the datagram is there, or dropped, when sending has returned.
                    return service.datagrams().contains(Array(text.utf8))
                }
                #expect(try await arrives("by the device"))
                try await world.underlay.run("ip link set dev under0 down", in: victim.namespace)
                try await world.underlay.run("ip link set dev under0 name other0 up", in: victim.namespace)
                try await eventually("the link is up") {
                    try await world.underlay.run("ip link show dev other0", in: victim.namespace).contains("state UP")
                }
                #expect(try await !arrives("by another one"))
            }
        }

        @Test func `a start without the database keeps the nodes that are let in, and a flushed set is filled again`()
            async throws
        {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                for index in 0..<2 { try await world.want(11 + index, in: blue, on: index) }
                for index in 0..<2 { try await nodes.start(index) }
                let other = 1 - (try await nodes.elected())
                try await nodes.meshed(blue)
                let here = try await world.start(11 + other, in: blue, on: other)
                let there = try await world.start(12 - other, in: blue, on: 1 - other)
                @Sendable func isThrough() async throws -> Bool {
                    try await world.underlay.ping(from: there, to: here.address) == 1
                }
                try await eventually("guests reach each other", isThrough)
                try await world.underlay.run(
                    "nft flush set inet coplane nodes",
                    in: world.hosts[other].namespace
                )
                try await eventually("the set is filled again", within: .seconds(5), isThrough)
                let program = try nodes.program(other)
                program.signal(SIGKILL)
                _ = try await program.end()
                let restarted = try await nodes.start(
                    other,
                    environment: ["CLUSTEROPS_DATABASE_SOCKET": "/run/no-such-server.sock"]
                )
                try await eventually("it has begun", within: .seconds(20)) {
                    restarted.log.contains("netnode starts")
                }
                #expect(try await isThrough())
            }
        }
    }
}
