import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

extension NamespaceTests {
    /// Ports on nodes with real netnodes: closed, opened and repaired by what the kernel reports, with maintenance too
    /// seldom to have done it.
    @Suite(.serialized) struct PortDriftTests {
        private static let seldom = ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "10m"]

        private struct World: Sendable {
            let nodes: NetNodes
            let blue: MeshWorld.Network
            let guest: NamespaceHosts.Guest
            let far: NamespaceHosts.Guest
            let leader: Int

            var mesh: MeshWorld { nodes.world }

            @discardableResult
            func onHost(_ line: String, _ index: Int = 0) async throws -> String {
                try await mesh.underlay.run(line, in: mesh.hosts[index].namespace)
            }

            /// All that the first node's kernel has of its ports.
            func state() async throws -> [String] {
                var facts: [String] = []
                for port in [guest.port, "cogw100"] {
                    let text = (try? await onHost("bridge -d link show dev \(port)")) ?? ""
                    let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
                    let kept = ["learning", "flood", "mcast_flood", "bcast_flood", "locked"]
                    facts += zip(words, words.dropFirst()).filter { kept.contains($0.0) }.map { "\(port) \($0) \($1)" }
                    let rows = (try? await onHost("bridge fdb show dev \(port)")) ?? ""
                    facts += rows.split(separator: "\n").filter { $0.contains("static") }.map { "\(port) \($0)" }
                }
                // In the other sets the kernel keeps what it has counted.
                for set in ["open", "guests", "stations", "sources", "gateways", "clients"] {
                    facts.append((try? await onHost("nft list set bridge coports \(set)")) ?? "no \(set)")
                }
                return facts + [(try? await onHost("nft --stateless --terse list table bridge coports")) ?? "no table"]
            }
        }

        private func withWorld(_ body: @Sendable (World) async throws -> Void) async throws {
            try await withNetNodes(hosts: 2) { nodes in
                let mesh = nodes.world
                let blue = try await mesh.addNetwork("blue", vni: 100)
                for (number, index) in [(11, 0), (12, 1)] { try await mesh.want(number, in: blue, on: index) }
                for index in 0..<2 { try await nodes.start(index, environment: Self.seldom) }
                let leader = try await nodes.elected()
                try await nodes.meshed(blue)
                let world = World(
                    nodes: nodes,
                    blue: blue,
                    guest: try await mesh.start(11, in: blue, on: 0),
                    far: try await mesh.start(12, in: blue, on: 1),
                    leader: leader
                )
                for guest in [world.guest, world.far] {
                    try await eventually("\(guest.port) is let in") {
                        try await mesh.underlay.ping(from: guest, to: try IPv4Address("10.9.0.1")) == 1
                    }
                }
                try await body(world)
            }
        }

        @Test func `every damage to a port, its row or its rules is undone`() async throws {
            try await withWorld { world in
                let port = world.guest.port
                var good: [String] = []
                // The first looks may still be at what the guests' arrival has changed.
                try await eventually("it rests") {
                    let last = good
                    good = try await world.state()
                    return good == last
                }
                #expect(good.contains { $0.hasPrefix("\(port) \(world.guest.mac) ") }, "\(good)")
                let damages = [
                    "bridge link set dev \(port) learning on", "bridge link set dev \(port) flood on",
                    "bridge link set dev \(port) mcast_flood off", "bridge link set dev \(port) bcast_flood off",
                    "bridge link set dev \(port) locked off", "bridge fdb del \(world.guest.mac) dev \(port) master",
                    "bridge fdb add 02:00:00:00:00:99 dev \(port) master static",
                    "bridge link set dev cogw100 learning \(world.leader == 0 ? "off" : "on")",
                    "nft flush ruleset", "nft delete table bridge coports", "nft flush chain bridge coports guest",
                    "nft add element bridge coports guests { eth9 }", "nft flush set bridge coports stations",
                    "nft insert rule bridge coports prerouting accept",
                ]
                for damage in damages {
                    try await world.onHost(damage)
                    try await eventually("undone: \(damage)", within: .seconds(10)) { try await world.state() == good }
                }
                let log = try world.nodes.program(0).log
                #expect(log.contains("\"drift\""))
                #expect(try await world.mesh.cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
            }
        }

        @Test func `a port is let in or kept out by events, with the database and without it`() async throws {
            try await withNetNodes(hosts: 1) { nodes in
                let mesh = nodes.world
                let blue = try await mesh.addNetwork("blue", vni: 100)
                for number in [11, 12] { try await mesh.want(number, in: blue, on: 0) }
                try await nodes.startBehindProxy(0, environment: Self.seldom)
                _ = try await nodes.elected()
                let first = try await mesh.start(11, in: blue, on: 0)
                let second = try await mesh.start(12, in: blue, on: 0)
                func reaches() async throws -> Bool {
                    try await mesh.underlay.ping(from: first, to: second.address) == 1
                }
                try await eventually("both are let in") { try await reaches() }
                try nodes.proxy().isolate()
                try await eventually("it does not serve any more") { nodes.servers(0).isEmpty }
                #expect(try await reaches())
                // A guest that starts anew has a new port.
                try await mesh.underlay.plug(first, into: mesh.hosts[0], vni: blue.vni)
                try await eventually("the new port is let in") { try await reaches() }
                try await mesh.underlay.run(
                    "ip link set dev \(first.port) alias clusterops:\(InterfaceID.new())",
                    in: mesh.hosts[0].namespace
                )
                try await eventually("it is nobody's") { try await !reaches() }
                try nodes.proxy().heal()
                func problems() async throws -> Int {
                    try await mesh.cluster.count("SELECT COUNT(*) FROM network_problems WHERE what = 'ports'")
                }
                try await eventually("it is reported") { try await problems() == 1 }
                try await mesh.underlay.run("ip link del dev \(first.port)", in: mesh.hosts[0].namespace)
                try await eventually("it is not reported any more") { try await problems() == 0 }
            }
        }

        @Test func `without its rules a candidate does not draw its guests' gateway to itself`() async throws {
            try await withWorld { world in
                let candidate = 1 - world.leader
                let guest = candidate == 0 ? world.guest : world.far
                let gateway = try IPv4Address("10.9.0.1")
                let wire = try RawPort("eth0", in: guest.namespace)
                try await eventually("its gateway's veth is closed") {
                    try await world.onHost("bridge -d link show dev cogw100", candidate).contains("learning off")
                }
                for _ in 1...5 {
                    try await world.onHost("nft flush ruleset", candidate)
                    for _ in 1...20 {
                        try wire.send(GuestFrame.whoHas(gateway, from: guest.mac, at: guest.address))
                    }
                    let answers = try await world.mesh.underlay.ping(from: guest, to: gateway, count: 20)
                    #expect(answers == 20)
                    try await eventually("the rules are back") {
                        try await world.onHost("nft list ruleset", candidate).contains("table bridge coports")
                    }
                }
                let rows = try await world.onHost("bridge fdb show dev cogw100", candidate)
                #expect(!rows.contains(MACAddress.gateway(of: world.blue.vni).description))
            }
        }
    }
}
