import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import Synchronization
import Testing

@testable import NetNode

extension NamespaceTests {
    /// What is broken on a node while it has no database is made again as it was wanted last.
    @Suite(.serialized) struct IsolatedDriftTests {
        @Test func `a node that is cut off from the database repairs mesh, namespace and egress as it knew them`()
            async throws
        {
            // The second host has a guest, and is outside too; its netnode never runs.
            try await withNetNodes(hosts: 2, networkNodes: [0]) { nodes in
                let world = nodes.world
                let (host, peer) = (world.hosts[0], world.hosts[1].address)
                try await connectOutside(world.underlay, [host.namespace], to: world.hosts[1].namespace)
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                let far = try await world.want(12, in: blue, on: 1)
                try await nodes.defineExternal()
                _ = try await nodes.inventory.changeNetwork(try NetworkName("blue"), NetworkChange(nat: true))
                try await nodes.startBehindProxy(0, environment: ["CLUSTEROPS_NETWORK_EXTERNAL_BRIDGE": "xbr"])
                let inside = "\(host.namespacePrefix)100"
                func isWhole() async throws -> Bool {
                    func text(_ line: String, _ place: String) async -> String {
                        (try? await world.underlay.run(line, in: place)) ?? ""
                    }
                    let links = await text("ip -o link show up", host.namespace)
                    let rows = await text("bridge fdb show dev covx100", host.namespace)
                    let addresses = await text("ip -o -4 addr show up", inside)
                    let rules = await text("nft list ruleset", inside)
                    return ["cobr100", "covx100", "cogw100", "coex100"].allSatisfy(links.contains)
                        && rows.contains("\(far) dst \(peer)")
                        && ["10.9.0.1/24", "203.0.113.10/24"].allSatisfy(addresses.contains)
                        && rules.contains("snat to 203.0.113.10")
                }
                _ = try await nodes.elected()
                try await eventually("all is made") { try await isWhole() && nodes.servers(0).count == 1 }
                let term = try await nodes.term()
                try nodes.proxy().isolate()
                try await eventually("it is no leader any more") { nodes.servers(0).isEmpty }
                let damages: [(line: String, place: String)] = [
                    ("ip link del dev cobr100", host.namespace), ("ip link del dev covx100", host.namespace),
                    ("bridge fdb del \(far) dev covx100 dst \(peer)", host.namespace),
                    ("ip netns del \(inside)", host.namespace), ("ip addr flush dev gw0", inside),
                    ("nft flush ruleset", inside), ("ip link del dev coex100", host.namespace),
                ]
                for (line, place) in damages {
                    try await world.underlay.run(line, in: place)
                    try await eventually("repaired without a database: \(line)") { try await isWhole() }
                }
                #expect(nodes.servers(0).isEmpty)
                let log = try nodes.program(0).log
                #expect(log.split(separator: "\n").count { $0.contains("\"drift") } >= damages.count)
                // What it did by itself is what is wanted still.
                try nodes.proxy().heal()
                _ = try await nodes.elected(above: term)
                let guest = try await world.start(11, in: blue, on: 0)
                #expect(try await world.underlay.lease(of: guest)?["ip"] == "10.9.0.11")
                #expect(try await isWhole())
            }
        }

        @Test func `what was taken away meanwhile is not made again by what was known`() async throws {
            try await withMesh(hosts: 1, networkNodes: [0]) { world in
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.withLoop(0) { loop in
                    _ = try await loop.reconcile(.network(blue.vni), .operation)
                    func known() -> [VNI] {
                        loop.networks.known.withLock { $0.wanted(of: [blue.vni]).mesh.networks.map(\.vni) }
                    }
                    #expect(known() == [blue.vni])
                    try await world.cluster.execute("DELETE FROM networks WHERE id = \(blue.id)")
                    let outcome = try await loop.reconcile(.network(blue.vni), .operation, removing: .all)
                    #expect(outcome.removal == .deleted && known().isEmpty)
                }
                let links = try await world.underlay.run("ip -o link show", in: world.hosts[0].namespace)
                #expect(!links.contains("cobr100"))
            }
        }
    }
}
