import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import MariaDB
import Testing

extension NamespaceTests {
    /// The cost of an idle netnode for the database.
    @Suite(.serialized) struct IdleNetNodeTests {
        /// A pass of maintenance at the start only; otherwise as an operator has it who sets nothing, in half the time.
        private static let settings = [
            "CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL": "1h", "CLUSTEROPS_WORKER_POLL_INTERVAL": "1s",
            "CLUSTEROPS_SESSION_LEASE": "5s", "CLUSTEROPS_SESSION_RENEW": "1s",
        ]

        @Test func `without the network role it holds one connection, and sends two statements a renewal`() async throws
        {
            let server = try PrivateServer()
            defer { server.destroy() }
            try await withNetNodes(hosts: 1, networkNodes: [], on: server) { nodes in
                let (world, cluster) = (nodes.world, nodes.world.cluster)
                let user = try await RoleUser.make(
                    .netnode,
                    in: cluster.configuration,
                    by: cluster.database,
                    on: server
                )
                try await nodes.start(0, environment: user.environment.merging(Self.settings) { _, own in own })
                let observer = try await Connection.open(cluster.configuration)
                func connections() async throws -> Int {
                    try await observer.withSession { session in
                        try session.query(
                            "SELECT COUNT(*) FROM information_schema.processlist WHERE user = \(user.configuration.user)"
                        )[0].only()
                    }
                }
                try await eventually("it is at rest") {
                    let (renewals, held) = try await (observer.othersWork().renewals, connections())
                    return renewals > 1 && held == 1
                }
                let before = try await observer.othersWork()
                try await eventually("it was renewed twelve times, over one connection") {
                    #expect(try await connections() == 1)
                    return try await observer.othersWork().renewals >= before.renewals + 12
                }
                let after = try await observer.othersWork()
                // One more may stand at the window's edge, between a renewal and its look.
                let most = 2 * (after.renewals - before.renewals) + 1
                #expect(after.statements - before.statements <= most, "\(before), \(after)")
                await observer.close()

                // What it does not ask for it sees all the same. The address is one of its underlay that nobody has.
                let nobody = IPv4Address(rawValue: world.hosts[0].address.rawValue + 77)
                try await cluster.execute(
                    """
                    INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
                    VALUES (\(NodeID.new()), 'h9', \(nobody), TRUE, FALSE)
                    """
                )
                try await eventually("a new node is probed") {
                    try await cluster.count("SELECT COUNT(*) FROM mesh_reachability WHERE state = 'unreachable'") == 1
                }
                try await cluster.execute("UPDATE nodes SET is_network_node = TRUE WHERE id = \(world.nodes[0])")
                try await eventually("it is elected") { try await nodes.leader() == 0 }
            }
        }
    }
}
