import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

extension NamespaceTests {
    /// One network's trouble is its own.
    @Suite(.serialized) struct BrokenNetworkTests {
        @Test
        func `one that cannot be repaired is tried later and later and says why, while others are repaired at once`()
            async throws
        {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                let green = try await world.addNetwork("green", vni: 200)
                for (number, network, index) in [(11, blue, 0), (12, blue, 1), (13, green, 0), (14, green, 1)] {
                    try await world.want(number, in: network, on: index)
                }
                let program = try await nodes.start(
                    0,
                    environment: ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "10m"]
                )
                _ = try await nodes.elected()
                try await eventually("both are served") { nodes.servers(0).count == 2 }
                let host = world.hosts[0].namespace
                func tries() -> Int {
                    program.log.split(separator: "\n").count { $0.contains("\"drift\"") && $0.contains("100") }
                }
                // Our tunnel by another name: it has the VNI and the port, so that no other can be made.
                try await world.underlay.run("ip link set dev covx100 name other", in: host)
                let problem: SQL = """
                    SELECT COUNT(*) FROM network_problems AS p JOIN networks AS n ON n.id = p.network
                    WHERE n.name = 'blue' AND p.what = 'mesh' AND p.message LIKE '%covx100%exists%'
                    """
                try await eventually("it says what is wrong") { try await world.cluster.count(problem) == 1 }
                let since = try await self.since(world)
                let servers = Set(nodes.servers(0))
                let begin = ContinuousClock.now
                // Whoever strikes in the middle of a repair has it fail.
                func lines(_ text: String) -> Int { program.log.split(separator: "\n").count { $0.contains(text) } }
                func underWay() -> Int { lines("\"drift\"") - lines("\"mesh changed\"") }
                let atRest = underWay()
                var repairs = 0
                // Over some of its tries: at once, and 1, 3 and 7 s after that.
                while ContinuousClock.now - begin < .seconds(9) {
                    let start = ContinuousClock.now
                    try await world.underlay.run("ip link del dev covx200", in: host)
                    try await eventually("green is repaired", within: .seconds(4)) {
                        let entries = try await world.underlay.run("bridge fdb show", in: host)
                        return entries.contains("covx200 dst 192.0.2.2") && underWay() == atRest
                    }
                    repairs += 1
                    if repairs == 1 {
                        print("broken network: the other one repaired in \(ContinuousClock.now - start)")
                    }
                }
                let count = tries()
                print("broken network: \(count) tries in 9 s, beside \(repairs) repairs of the other")
                #expect((2...7).contains(count) && repairs > 8)
                #expect(Set(nodes.servers(0)) == servers, "no server had to be ended for it")
                #expect(try await self.since(world) == since, "it is one problem, as old as it is")
                let rows = try await world.cluster.database.withSession { session in
                    try session.query("SELECT CONCAT(what, ': ', message) FROM network_problems").map {
                        try $0.only(String.self)
                    }
                }
                print("broken network: \(rows)")
                #expect(
                    try await world.cluster.count(
                        "SELECT COUNT(*) FROM network_problems AS p JOIN networks AS n ON n.id = p.network WHERE n.name = 'green'"
                    ) == 0
                )
                try await world.underlay.run("ip link del dev other", in: host)
                try await eventually("it is repaired once nothing is in its way", within: .seconds(40)) {
                    try await world.cluster.count("SELECT COUNT(*) FROM network_problems") == 0
                }
                #expect(try await world.underlay.run("ip -o link show", in: host).contains("covx100"))
            }
        }

        private func since(_ world: MeshWorld) async throws -> Int {
            try await world.cluster.count(
                "SELECT CAST(TIMESTAMPDIFF(MICROSECOND, '2020-01-01', MIN(since)) AS SIGNED) FROM network_problems"
            )
        }

        @Test func `events that change nothing of ours lead to no pass, no write and no signal`() async throws {
            try await withNetNodes(hosts: 1) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                let program = try await nodes.start(
                    0,
                    environment: ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "10m"]
                )
                _ = try await nodes.elected()
                let guest = try await world.start(11, in: blue, on: 0)
                #expect(try await world.underlay.lease(of: guest) != nil)
                let host = world.hosts[0].namespace
                let servers = nodes.servers(0)
                let log = program.log
                let applied = try await self.applied(world)
                let batch = (1...500).map { "link set dev cobr100 txqueuelen \($0)\n" }.joined()
                try await world.underlay.run("ip -batch -", input: batch, in: host)
                let learned = (10...99).map { "fdb add 02:00:00:00:77:\($0) dev covx100 dst 192.0.2.9 self dynamic\n" }
                try await world.underlay.run("bridge -batch -", input: learned.joined(), in: host)
                let path = "\(nodes.stateDirectory(0))/100/hosts"
                let hosts = try Data(contentsOf: URL(fileURLWithPath: path))
                try hosts.write(to: URL(fileURLWithPath: path))
                // What comes after them has been heard after them.
                try await world.underlay.run("ip link set dev cobr100 mtu 1400", in: host)
                try await eventually("a change that matters is undone") {
                    try await world.underlay.run("ip -o link show dev cobr100", in: host).contains("mtu 1450")
                }
                let news = program.log.dropFirst(log.count).split(separator: "\n")
                #expect(news.count { $0.contains("\"drift\"") } == 1, "\(news.joined(separator: "\n"))")
                #expect(!news.contains { $0.contains("network server changed") })
                #expect(nodes.servers(0) == servers)
                #expect(try await self.applied(world) == applied)
            }
        }

        /// When something was last written down.
        private func applied(_ world: MeshWorld) async throws -> Int {
            try await world.cluster.count(
                """
                SELECT CAST(TIMESTAMPDIFF(MICROSECOND, '2020-01-01', MAX(applied_at)) AS SIGNED) FROM applied_state
                """
            )
        }
    }
}
