import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

extension NamespaceTests {
    /// Damage to many networks at once, which has one cause and costs the database little more than that to one.
    @Suite(.serialized) struct MassDamageTests {
        private static let networks = 20

        /// What the server was asked for, by its own log, since it was emptied.
        private func asked(_ world: MeshWorld, like pattern: String) async throws -> Int {
            try await world.cluster.count(
                """
                SELECT COUNT(*) FROM mysql.general_log
                WHERE command_type IN ('Query', 'Execute') AND argument LIKE \(pattern) AND argument NOT LIKE '%general_log%'
                """
            )
        }

        @Test func `twenty networks that lose their veths at once are repaired with a few reads of all networks`()
            async throws
        {
            let server = try PrivateServer(options: SpokenStatements.serverOptions)
            defer { server.destroy() }
            try await withNetNodes(hosts: 1, on: server) { nodes in
                let world = nodes.world
                for index in 0..<Self.networks { _ = try await world.addNetwork("n\(index)", vni: 1000 + index) }
                try await nodes.start(0, environment: ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "10m"])
                _ = try await nodes.elected()
                let host = world.hosts[0]
                func veths() async throws -> [String] {
                    try await world.underlay.run("ip -o link show", in: host.namespace).split(separator: "\n")
                        .filter { $0.contains(" cogw") && $0.contains(",UP") }
                        .map { String($0.split(separator: ":")[1]) }
                }
                /// The servers that stand on a device of their namespace.
                func servers() async throws -> [String] {
                    try await world.cluster.count(
                        "SELECT COUNT(*) FROM applied_state WHERE what = 'dnsmasq'"
                    ) == Self.networks ? nodes.servers(0).map(String.init).sorted() : []
                }
                try await eventually("all are served") {
                    let (veths, servers) = (try await veths(), try await servers())
                    return veths.count == Self.networks && servers.count == Self.networks
                }
                let before = Set(try await servers())
                try await world.cluster.execute("TRUNCATE TABLE mysql.general_log")
                let lines = (0..<Self.networks).map { "link del dev cogw\(1000 + $0)\n" }.joined()
                try await world.underlay.run("ip -batch -", input: lines, in: host.namespace)
                // A server bound to a device that is gone is started anew.
                try await eventually("all are repaired") {
                    let (veths, servers) = (try await veths(), try await servers())
                    return veths.count == Self.networks && servers.count == Self.networks
                        && before.isDisjoint(with: servers)
                }
                let pattern = "%STRAIGHT_JOIN networks AS w%JOIN interfaces AS i ON i.network = w.id%"
                let reads = try await asked(world, like: pattern)
                print("mass damage: \(reads) reads of what is wanted")
                // Each run reads what is wanted once, however many networks are in it. A loaded machine sees the damage
                // in more than one drift check.
                #expect((1...Self.networks / 2).contains(reads))
            }
        }
    }
}
