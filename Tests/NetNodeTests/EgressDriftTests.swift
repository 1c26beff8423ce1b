import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import NetNode
import Testing

extension NamespaceTests {
    /// What somebody breaks of a network's egress is repaired as early as the rest, with maintenance too seldom to
    /// have done it.
    @Suite(.serialized) struct EgressDriftTests {
        private static let environment = [
            "CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "10m", "CLUSTEROPS_NETWORK_EXTERNAL_BRIDGE": "xbr",
        ]
        /// As in ``DriftTests``.
        private static let soon: Duration = .seconds(6)

        /// All that the kernel has of the egress, but for numbers that change with each making.
        private func state(_ world: MeshWorld) async throws -> [String] {
            func words(_ line: String, in namespace: String) async -> [String] {
                let text = (try? await world.underlay.run(line, in: namespace)) ?? "missing"
                return text.replacing(/qdisc.*default|qlen [0-9]+|link-netns[^ ]*|@if[0-9]+/, with: "")
                    .replacing(/[0-9]+: |valid_lft .*/, with: "").split(separator: "\n").map(String.init)
            }
            let host = world.hosts[0]
            let inside = "\(host.namespacePrefix)100"
            var facts = await words("ip -o link show dev coex100", in: host.namespace)
                .map { $0.replacing(/link.ether [0-9a-f:]+/, with: "") }
            for line in ["ip -o link show dev ext0", "ip -o -4 addr show dev ext0", "ip route show"] {
                facts += await words(line, in: inside).map { $0.trimmingCharacters(in: .whitespaces) }.sorted()
            }
            return facts + (await words("nft list ruleset", in: inside))
        }

        private func pings(_ address: String, _ world: MeshWorld, from namespace: String) async -> Bool {
            (try? await world.underlay.run("ping -n -c 1 -W 1 \(address)", in: namespace)) != nil
        }

        @Test func `NAT and floats come back within seconds, whatever was broken, without maintenance`() async throws {
            // The second host is outside.
            try await withNetNodes(hosts: 2, networkNodes: [0]) { nodes in
                let world = nodes.world
                let (host, outside) = (world.hosts[0], world.hosts[1].namespace)
                try await connectOutside(world.underlay, [host.namespace], to: outside)
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                let inventory = nodes.inventory
                try await nodes.defineExternal()
                let name = try NetworkName("blue")
                _ = try await inventory.changeNetwork(name, NetworkChange(nat: true))
                let interface = try #require(try await inventory.interfaces(network: name, node: nil).first).id
                let float = try #require(try await inventory.floatInterface(interface).object.floatingAddress)
                try await nodes.start(0, environment: Self.environment)
                _ = try await nodes.elected()
                let guest = try await world.start(11, in: blue, on: 0)
                try await world.underlay.run("ip route add default via 10.9.0.1", in: guest.namespace)
                try await eventually("it is through") { await pings("\(float)", world, from: outside) }
                try await eventually("all operations are done") {
                    try await world.cluster.count("SELECT COUNT(*) FROM work_queue") == 0
                }
                let good = try await state(world)
                #expect(!good.contains { $0.contains("missing") } && good.contains { $0.contains("\(float)/32") })
                #expect(good.contains { $0.contains("default via 203.0.113.1") } && good.count > 30)
                let inside = "\(host.namespacePrefix)100"
                let damages: [(line: String, place: String)] = [
                    ("ip netns del \(inside)", host.namespace), ("ip link del dev coex100", host.namespace),
                    ("ip link set dev coex100 name other", host.namespace),
                    ("ip link set dev coex100 nomaster", host.namespace),
                    ("ip link set dev coex100 down", host.namespace), ("nft flush ruleset", inside),
                    ("nft flush table ip conat", inside), ("nft delete table ip conat", inside),
                    ("nft flush map ip conat to_inside", inside), ("ip addr flush dev ext0", inside),
                    ("ip addr del \(float)/32 dev ext0", inside), ("ip link set dev ext0 down", inside),
                    ("ip link del dev ext0", inside), ("ip route del default", inside),
                ]
                let clock = ContinuousClock()
                for (line, place) in damages {
                    let start = clock.now
                    try await world.underlay.run(line, in: place)
                    try await eventually("repaired: \(line)", within: Self.soon) {
                        try await state(world) == good && nodes.servers(0).count == 1
                    }
                    print("drift of egress: \(line): \(clock.now - start)")
                    try await eventually("through again after: \(line)") {
                        guard await pings("\(float)", world, from: outside) else { return false }
                        return await pings(EgressWorld.outsideAddress, world, from: guest.namespace)
                    }
                }
                let links = try await world.underlay.run("ip -o link show", in: host.namespace)
                #expect(!links.contains("other"))
                #expect(try await world.cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
                #expect(try await inventory.network(name).problems.isEmpty)
            }
        }
    }
}
