import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

extension NamespaceTests {
    /// A hypervisor with guests becomes a network node, and ceases to be one, while every netnode runs.
    @Suite(.serialized) struct RoleChangeTests {
        /// Maintenance takes away the leavings of a node that ceases.
        private static let often = ["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "1s"]

        @Test func `a new network node takes over when the other is drained, and hands back when it ceases to be one`()
            async throws
        {
            try await withNetNodes(hosts: 3, networkNodes: [0]) { nodes in
                let (world, inventory) = (nodes.world, nodes.inventory)
                let blue = try await world.addNetwork("blue", vni: 100)
                for index in 0..<3 { try await world.want(11 + index, in: blue, on: index) }
                for index in 0..<3 { try await nodes.start(index, environment: Self.often) }
                #expect(try await nodes.elected() == 0)
                try await nodes.meshed(blue)
                var guests: [NamespaceHosts.Guest] = []
                for index in 0..<3 {
                    guests.append(try await world.start(11 + index, in: blue, on: index))
                    try await nodes.letIn(guests[index], on: index)
                }
                func isReached(_ what: String) async throws {
                    for guest in guests {
                        try await eventually("\(guest.port) reaches the gateway \(what)") {
                            try await world.underlay.ping(from: guest, to: try world.address(1)) == 1
                        }
                    }
                }
                try await isReached("of h1")
                #expect(try await !hasGateway(1, nodes))

                _ = try await inventory.changeNode(try world.name(1), NodeChange(roles: [.hypervisor, .network]))
                try await eventually("h2 has made the network ready") { try await hasGateway(1, nodes) }
                try await nodes.meshed(blue)
                _ = try await inventory.drain(try world.name(0), reason: "disk swap")
                #expect(try await nodes.elected(above: 1) == 1)
                try await isReached("of h2")
                #expect(try await world.underlay.lease(of: guests[2], tries: 3) != nil)
                try await eventually("h1 ends its servers") { nodes.servers(0).isEmpty && nodes.servers(1).count == 1 }
                _ = try await inventory.undrain(try world.name(0))

                // Elected, and not drained.
                let term = try await nodes.term()
                _ = try await inventory.changeNode(try world.name(1), NodeChange(roles: [.hypervisor]))
                #expect(try await nodes.elected(above: term) == 0)
                try await isReached("of h1 again")
                #expect(try await world.underlay.lease(of: guests[1], tries: 3) != nil)
                try await eventually("h2 has neither gateway nor server") {
                    try await !hasGateway(1, nodes) && nodes.servers(1).isEmpty
                }
                try await eventually("the network has converged") {
                    try await inventory.network(try NetworkName("blue")).converged
                }
                // Its guests stay.
                #expect(try await world.underlay.ping(from: guests[1], to: guests[2].address) == 1)
                let events = try await nodes.world.cluster.database.withSession { session in
                    try session.query("SELECT kind, subject_name FROM audit_events ORDER BY happened_at")
                        .map { try $0.decode((String, String).self) }
                }
                #expect(
                    events.map { "\($0.0) \($0.1)" } == [
                        "leader elected h1", "node changed h2", "node drained h1", "leader resigned h1",
                        "leader elected h2", "node undrained h1", "node changed h2", "leader resigned h2",
                        "leader elected h1",
                    ]
                )
            }
        }

        /// Returns whether a host has the network's veth and namespace.
        private func hasGateway(_ index: Int, _ nodes: NetNodes) async throws -> Bool {
            let host = nodes.world.hosts[index]
            let links = try await nodes.world.underlay.run("ip -o link show", in: host.namespace)
            let isThere = FileManager.default.fileExists(atPath: "/run/netns/\(host.namespacePrefix)100")
            return links.contains("cogw100") || isThere
        }
    }
}
