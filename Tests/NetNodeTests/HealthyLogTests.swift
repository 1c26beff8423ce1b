import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import Foundation
import MariaDB
import NetNode
import Testing

extension NamespaceTests {
    /// A warning means that something is wrong: where nothing is, there is none.
    @Suite(.serialized) struct HealthyLogTests {
        private static let bridge = ["CLUSTEROPS_NETWORK_EXTERNAL_BRIDGE": "xbr"]
        /// Messages that each network node logs in the first test, with the part of it that does.
        private static let components = [
            "serving the networks": "takeover", "mesh changed": "mesh", "namespaces changed": "namespace",
            "egress changed": "egress", "network server changed": "dnsmasq",
        ]

        private func warnings(of program: RunningProgram) -> [String] {
            program.log.split(separator: "\n").map(String.init).filter { line in
                ["warning", "error", "critical"].contains { line.contains("\"level\":\"\($0)\"") }
            }
        }

        @Test(.timeLimit(.minutes(15)))
        func `a start, a first election, changes, a hand-over and a stop write no warning`() async throws {
            // The third host is outside.
            try await withNetNodes(hosts: 3, networkNodes: [0, 1]) { nodes in
                let world = nodes.world
                let inventory = nodes.inventory
                try await connectOutside(
                    world.underlay,
                    world.hosts[0...1].map(\.namespace),
                    to: world.hosts[2].namespace
                )
                try await nodes.defineExternal()
                for number in 1...Self.networks {
                    let network = try await world.addNetwork("net-\(number)", vni: 100 + number)
                    for index in 0..<2 { try await world.want(11 + index, in: network, on: index) }
                    _ = try await inventory.changeNetwork(try NetworkName("net-\(number)"), NetworkChange(nat: true))
                }
                for index in 0..<2 { try await nodes.start(index, environment: Self.bridge) }
                func converge() async throws {
                    try await eventually("all networks have converged") {
                        try await inventory.networks().allSatisfy(\.converged)
                    }
                }
                let first = try await nodes.elected()
                try await converge()
                let late = try await world.addNetwork("late", vni: 201)
                try await world.want(11, in: late, on: 0)
                try await converge()
                _ = try await inventory.changeNetwork(try NetworkName("net-1"), NetworkChange(nat: false))
                try await converge()

                let connection = ClusterConnection(
                    database: world.cluster.database,
                    requester: "test",
                    waker: NoWaker(),
                    logger: .silent
                )
                guard case .handedOver = try await connection.resignLeader(within: .seconds(30)) else {
                    Issue.record("nobody has followed")
                    return
                }
                // The one that leads now goes while others make ready, and the last one while it takes over.
                for index in [1 - first, first] {
                    try nodes.program(index).signal(SIGTERM)
                    #expect(try await nodes.program(index).end() == 0)
                }
                for index in 0..<2 {
                    let program = try nodes.program(index)
                    #expect(program.log.contains("\"level\":\"notice\""), "there is a log to read")
                    #expect(warnings(of: program) == [])
                    for (message, component) in Self.components {
                        let lines = program.log.split(separator: "\n").filter { $0.contains("\"\(message)\"") }
                        #expect(!lines.isEmpty, "\(message)")
                        #expect(lines.allSatisfy { $0.contains("\"component\":\"\(component)\"") }, "\(lines)")
                    }
                }
            }
        }

        @Test(.timeLimit(.minutes(15)))
        func `a stop in the middle of drift checks and repairs writes no warning`() async throws {
            try await withNetNodes(hosts: 1, networkNodes: [0]) { nodes in
                let network = try await nodes.world.addNetwork("blue", vni: 100)
                try await nodes.world.want(11, in: network, on: 0)
                let holder = try await Connection.open(nodes.world.cluster.configuration)
                let program = try await holder.withSession { session in
                    // Reads of the networks, by maintenance and by runs, wait here.
                    try session.execute("LOCK TABLES networks WRITE")
                    let program = try blocking {
                        let program = try await nodes.start(0)
                        try await eventually("several wait") {
                            try await nodes.world.cluster.count(
                                """
                                SELECT COUNT(*) FROM information_schema.processlist
                                WHERE db = DATABASE() AND state LIKE 'Waiting for table metadata lock'
                                """
                            ) >= 2
                        }
                        program.signal(SIGTERM)
                        return program
                    }
                    try session.execute("UNLOCK TABLES")
                    return program
                }
                #expect(try await program.end() == 0)
                #expect(warnings(of: program) == [])
                await holder.close()
            }
        }

        /// So many that a hand-over and a stop find passes in the middle.
        private static let networks = 30
    }
}
