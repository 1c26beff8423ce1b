import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Foundation
import NetNode
import Testing

extension NamespaceTests {
    /// A warning means that something is wrong: where nothing is, there is none.
    @Suite struct HealthyLogTests {
        private static let bridge = ["CLUSTEROPS_NETWORK_EXTERNAL_BRIDGE": "xbr"]

        private func warnings(of program: RunningProgram) -> [String] {
            program.log.split(separator: "\n").map(String.init).filter { line in
                ["warning", "error", "critical"].contains { line.contains("\"level\":\"\($0)\"") }
            }
        }

        @Test(.timeLimit(.minutes(2)))
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
                }
            }
        }

        /// So many that a hand-over and a stop find passes in the middle.
        private static let networks = 30
    }
}
