import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

extension NamespaceTests {
    /// One network's egress does not hold up the rest.
    @Suite(.serialized) struct EgressApartTests {
        /// Gives a test a node that has two networks with NAT, all made, and `netnode` on it.
        private func withTwo(
            maintenance: String,
            _ body: @Sendable (NetNodes, RunningProgram) async throws -> Void
        ) async throws {
            // The second host is outside.
            try await withNetNodes(hosts: 2, networkNodes: [0]) { nodes in
                let world = nodes.world
                try await connectOutside(world.underlay, [world.hosts[0].namespace], to: world.hosts[1].namespace)
                try await nodes.defineExternal()
                for (number, name) in ["blue", "green"].enumerated() {
                    let network = try await world.addNetwork(name, vni: 100 * (number + 1))
                    try await world.want(11, in: network, on: 0)
                    _ = try await nodes.inventory.changeNetwork(try NetworkName(name), NetworkChange(nat: true))
                }
                let program = try await nodes.start(
                    0,
                    environment: [
                        "CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": maintenance,
                        "CLUSTEROPS_NETWORK_EXTERNAL_BRIDGE": "xbr",
                    ]
                )
                _ = try await nodes.elected()
                try await eventually("all is made") {
                    guard try await world.cluster.count("SELECT COUNT(*) FROM work_queue") == 0 else { return false }
                    return try await has(["coex100", "coex200", "covx100", "covx200"], world)
                }
                try await body(nodes, program)
            }
        }

        private func has(_ devices: [String], _ world: MeshWorld) async throws -> Bool {
            let links = try await world.underlay.run("ip -o link show up", in: world.hosts[0].namespace)
            return devices.allSatisfy(links.contains)
        }

        /// How often a repair of a network's egress was begun.
        private func drifts(_ vni: Int, _ program: RunningProgram) -> Int {
            program.log.split(separator: "\n").count { line in
                guard line.contains("drift of egress"), let list = line.firstMatch(of: /"vnis":"\[([^\]]*)\]"/) else {
                    return false
                }
                return list.output.1.split(separator: ", ").contains("\(vni)")
            }
        }

        @Test func `while the wanted state of an egress is not readable the rest is repaired, then it as it was known`()
            async throws
        {
            try await withTwo(maintenance: "10m") { nodes, program in
                let (world, isHeld) = (nodes.world, Locked(false))
                let host = world.hosts[0].namespace
                let database = world.cluster.database
                @Sendable func waits() async throws -> Int {
                    try await world.cluster.count(
                        """
                        SELECT COUNT(*) FROM information_schema.PROCESSLIST
                        WHERE DB = DATABASE() AND STATE LIKE 'Waiting for table metadata lock'
                            AND INFO LIKE '%FROM external_addresses AS e%'
                        """
                    )
                }
                try await database.withSession { session in
                    // Reads of the wanted state of an egress wait for this.
                    try session.execute("LOCK TABLES external_addresses WRITE")
                    try blocking {
                        try await world.underlay.run("ip link del dev coex100", in: host)
                        try await eventually("its repair waits") { try await waits() > 0 }
                        let inside = "\(world.hosts[0].namespacePrefix)200"
                        for line in ["ip link del dev covx200", "ip netns del \(inside)"] {
                            try await world.underlay.run(line, in: host)
                            try await eventually("repaired: \(line)") {
                                guard (try? await world.underlay.run("ip link show up dev gw0", in: inside)) != nil
                                else { return false }
                                return try await has(["covx200", "cogw200"], world) && nodes.servers(0).count == 2
                            }
                        }
                        #expect(try await !has(["coex100"], world))
                        #expect(try await waits() > 0)
                        #expect(drifts(100, program) == 0, "nobody knows yet whether it is still wanted")
                        // Its statement comes to its end by the server's clock.
                        try await eventually("repaired as it was known") { try await has(["coex100"], world) }
                        isHeld.update { $0 = true }
                    }
                    try session.execute("UNLOCK TABLES")
                }
                #expect(isHeld.value)
                try await eventually("the egress of both is back") { try await has(["coex100", "coex200"], world) }
                #expect(program.isRunning)
            }
        }

        @Test func `an egress whose server cannot be read any more is checked for drift all the same`() async throws {
            try await withTwo(maintenance: "2s") { nodes, program in
                let world = nodes.world
                try await UnreadableNetworkTests.dropChecks(world.cluster)
                try await world.cluster.execute("UPDATE networks SET mtu = 7 WHERE name = 'blue'")
                try await eventually("it is known") {
                    try await world.cluster.count("SELECT COUNT(*) FROM network_problems WHERE what = 'row'") == 1
                }
                let known = drifts(100, program)
                // Each deletion is found by a drift check of all networks; maintenance may be earlier.
                for _ in 1...3 {
                    let before = drifts(200, program)
                    try await eventually("a drift check has found it") {
                        _ = try? await world.underlay.run("ip link del dev coex200", in: world.hosts[0].namespace)
                        return drifts(200, program) > before
                    }
                    try await eventually("it is repaired") { try await has(["coex200"], world) }
                }
                #expect(drifts(100, program) == known)
            }
        }
    }
}
