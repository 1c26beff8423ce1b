import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import ClusterStore
import Foundation
import MariaDB
import Testing

extension NamespaceTests {
    /// Faults between nodes that the database sees nothing of, on real netnodes.
    @Suite(.serialized, .tags(.long)) struct DataPlaneTests {
        private func converges(_ nodes: NetNodes, _ what: String) async throws {
            try await eventually("converged, \(what)", within: .seconds(60)) {
                let network = try await nodes.inventory.network(try NetworkName("blue"))
                return network.converged && network.problems.isEmpty
            }
        }

        /// Waits until a problem is there, and tells its words; meanwhile the network is not converged.
        private func problem(
            _ nodes: NetNodes,
            _ what: String,
            of host: Int,
            saying words: String...
        ) async throws {
            let began = ContinuousClock.now
            try await eventually("h\(host + 1) has a problem '\(what)' that says \(words)", within: .seconds(60)) {
                let network = try await nodes.inventory.network(try NetworkName("blue"))
                return network.problems.contains { problem in
                    problem.node.description == "h\(host + 1)" && problem.what == what
                        && words.allSatisfy(problem.message.contains)
                } && !network.converged
            }
            print("'\(what)' of h\(host + 1) was a problem after \(ContinuousClock.now - began)")
        }

        /// Waits until the elected node has renewed its lease twenty times more under the same term.
        private func stays(_ term: Int, _ nodes: NetNodes) async throws {
            let before = try await nodes.world.cluster.count("SELECT renewals FROM leases")
            try await eventually("the elected node goes on", within: .seconds(120)) {
                try await nodes.world.cluster.count("SELECT renewals FROM leases") >= before + 20
            }
            #expect(try await nodes.term() == term, "it changed again")
        }

        @Test func `a leader whose underlay is cut while the database stays hands over, and does not come back`()
            async throws
        {
            try await withNetNodes(hosts: 3) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                for index in 0..<3 { try await world.want(11 + index, in: blue, on: index) }
                for index in 0..<3 { try await nodes.start(index) }
                let first = try await nodes.elected()
                try await converges(nodes, "at first")
                let others = (0..<3).filter { $0 != first }
                var guests: [NamespaceHosts.Guest] = []
                for index in others { guests.append(try await world.start(11 + index, in: blue, on: index)) }
                let gateway = try world.address(1)
                for guest in guests {
                    try await eventually("the gateway answers") {
                        try await world.underlay.ping(from: guest, to: gateway) == 1
                    }
                }
                let term = try await nodes.term()

                // Not by taking the carrier away: only what others report can tell.
                let cut = ContinuousClock.now
                let port = "port\(first + 1)"
                try await world.underlay.run("ip link set dev \(port) nomaster", in: world.underlay.switchNamespace)
                let words = "h\(first + 1) (192.0.2.\(first + 1)) does not answer"
                try await problem(nodes, "underlay", of: others[0], saying: words)
                let second = try await nodes.elected(above: term, within: .seconds(60))
                #expect(others.contains(second))
                for guest in guests {
                    try await eventually("the gateway answers again", within: .seconds(30)) {
                        try await world.underlay.ping(from: guest, to: gateway) == 1
                    }
                }
                print("guests reached their gateway again \(ContinuousClock.now - cut) after the cut")
                let log = try nodes.program(first).log
                #expect(log.contains("asking to hand over because of the data plane") && log.contains("cut_off"))

                try await world.underlay.run("ip link set dev \(port) master ubr", in: world.underlay.switchNamespace)
                try await converges(nodes, "once the underlay is back")
                try await stays(term + 1, nodes)
            }
        }

        @Test func `an underlay address that is not the node's is a problem of that node and of each pair`()
            async throws
        {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 1)
                for index in 0..<2 { try await nodes.start(index) }
                _ = try await nodes.elected()
                try await converges(nodes, "at first")
                let connection = ClusterConnection(
                    database: world.cluster.database,
                    requester: "test",
                    waker: NoWaker(),
                    logger: .silent
                )
                _ = try await nodes.inventory.changeNode(
                    try NodeName("h2"),
                    NodeChange(underlayAddress: try IPv4Address("192.0.2.99"))
                )
                let words = "192.0.2.99 of the node's row is on no device of the node, which has 192.0.2.2 on under0"
                try await problem(nodes, "underlay_address", of: 1, saying: words, "node set h2 --underlay")
                try await problem(nodes, "underlay", of: 0, saying: "h2 (192.0.2.99) does not answer")
                let doctor = try await connection.diagnosis()
                let check = try #require(doctor.checks.first { $0.check == "data_plane" })
                #expect(check.findings.contains { $0.message.contains("on h2") && $0.message.contains(words) })
                #expect(check.findings.contains { $0.message.contains("h2 (192.0.2.99) does not answer") })
                _ = try await nodes.inventory.changeNode(
                    try NodeName("h2"),
                    NodeChange(underlayAddress: try IPv4Address("192.0.2.2"))
                )
                try await converges(nodes, "with its own address")
            }
        }

        @Test func `a link that loses the networks' packets and lets short ones pass is a problem of the pair`()
            async throws
        {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 1)
                for index in 0..<2 { try await nodes.start(index) }
                let leader = try await nodes.elected()
                try await converges(nodes, "at first")
                let term = try await nodes.term()
                // As a switch does it: without a word.
                let underlay = world.underlay.switchNamespace
                try await world.underlay.run("ip link set dev port2 mtu 1400", in: underlay)
                let words = "datagrams of 1500 bytes to h2 (192.0.2.2) are lost, shorter ones arrive"
                try await problem(nodes, "underlay", of: 0, saying: words, "MTU of 1450")
                #expect(try await nodes.leader() == leader)
                #expect(try await nodes.term() == term)
                try await world.underlay.run("ip link set dev port2 mtu 1500", in: underlay)
                try await converges(nodes, "with a link that is wide enough")

                // The node itself knows its device: the kernel then sends in pieces, and nothing is lost.
                try await world.underlay.run("ip link set dev under0 mtu 1400", in: world.hosts[1].namespace)
                try await eventually("both figures are named", within: .seconds(60)) {
                    let network = try await nodes.inventory.network(try NetworkName("blue"))
                    return network.problems.contains {
                        $0.node.description == "h2" && $0.message.contains("device under0 has an MTU of 1400")
                            && $0.message.contains("MTU of 1450 needs") && $0.message.contains("1500")
                    }
                }
            }
        }

        @Test(.enabled("needs br_netfilter") { FileManager.default.fileExists(atPath: "/proc/sys/net/bridge") })
        func `a leader whose rules drop bridged frames, as Docker's do, says so and hands over`() async throws {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                for index in 0..<2 { try await world.want(11 + index, in: blue, on: index) }
                for host in world.hosts {
                    try await world.underlay.run(
                        "sysctl -q -w net.bridge.bridge-nf-call-iptables=1",
                        in: host.namespace
                    )
                }
                for index in 0..<2 { try await nodes.start(index) }
                let first = try await nodes.elected()
                try await converges(nodes, "at first")
                let term = try await nodes.term()
                let rules = "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }\n}"
                try await world.underlay.run("nft -f -", input: rules + "\n", in: world.hosts[first].namespace)
                try await problem(nodes, "bridge_filter", of: first, saying: "net.bridge.bridge-nf-call-iptables")
                #expect(try await nodes.elected(above: term, within: .seconds(60)) == 1 - first)
                #expect(try nodes.program(first).log.contains("faulty"))
                try await world.underlay.run(
                    "sysctl -q -w net.bridge.bridge-nf-call-iptables=0",
                    in: world.hosts[first].namespace
                )
                try await converges(nodes, "once bridged frames pass")
                try await stays(term + 1, nodes)
            }
        }

        @Test func `a leader whose external bridge is gone hands over to one that has one, and stays where none has`()
            async throws
        {
            // The third host is outside.
            try await withNetNodes(hosts: 3, networkNodes: [0, 1]) { nodes in
                let world = nodes.world
                let outside = world.hosts[2].namespace
                try await connectOutside(world.underlay, world.hosts[0...1].map(\.namespace), to: outside)
                let blue = try await world.addNetwork("blue", vni: 100)
                try await world.want(11, in: blue, on: 0)
                try await nodes.defineExternal()
                _ = try await nodes.inventory.changeNetwork(try NetworkName("blue"), NetworkChange(nat: true))
                for index in 0..<2 {
                    try await nodes.start(index, environment: ["CLUSTEROPS_NETWORK_EXTERNAL_BRIDGE": "xbr"])
                }
                let first = try await nodes.elected()
                try await converges(nodes, "at first")
                let term = try await nodes.term()
                try await world.underlay.run("ip link del dev xbr", in: world.hosts[first].namespace)
                #expect(try await nodes.elected(above: term, within: .seconds(60)) == 1 - first)
                #expect(try nodes.program(first).log.contains("without_external_bridge"))
                try await world.underlay.run("ip link del dev xbr", in: world.hosts[1 - first].namespace)
                try await problem(nodes, "external_bridge", of: 1 - first, saying: "there is no bridge 'xbr'")
                let leader = try NodeName("h\(2 - first)")
                try await eventually("its egress is broken by it") {
                    try await world.cluster.count(
                        """
                        SELECT COUNT(*) FROM network_problems AS p JOIN nodes AS n ON n.id = p.node
                        WHERE p.what = 'egress' AND p.message LIKE '%xbr%' AND n.name = \(leader)
                        """
                    ) == 1
                }
                let problems = try await nodes.inventory.network(try NetworkName("blue")).problems
                #expect(problems.filter { $0.node == leader }.map(\.what) == ["external_bridge"], "one cause")
                try await stays(term + 1, nodes)
            }
        }
    }
}
