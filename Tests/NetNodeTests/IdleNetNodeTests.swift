import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import MariaDB
import Testing

extension NamespaceTests {
    /// The cost of an idle netnode, without the network role, for the database.
    @Suite(.serialized) struct IdleNetNodeTests {
        @Test func `it holds one connection and sends two statements a renewal, and sees what it does not ask for`()
            async throws
        {
            // One pass of maintenance, at the start.
            try await withIdleNetNode(maintenance: "1h") { nodes, observer, user in
                let (world, cluster) = (nodes.world, nodes.world.cluster)
                // On a machine that holds it up a session may be lost, and checks of the node may fail: not at rest.
                try await eventually("for eight renewals it sends two statements each, over one connection") {
                    let before = try await observer.othersWork()
                    var (after, most) = (before, 0)
                    repeat {
                        most = max(most, try await observer.connections(of: user))
                        try await Task.sleep(for: .milliseconds(5))
                        after = try await observer.othersWork()
                    } while after.renewals < before.renewals + 8 && after.renewals >= before.renewals
                    // One more may stand at the window's edge, between a renewal and its look.
                    let allowed = 2 * (after.renewals - before.renewals) + 1
                    return most == 1 && after.statements - before.statements <= allowed
                }

                // At an address of its underlay that nobody has.
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

        @Test func `a pass of maintenance that finds nothing to do opens one connection, for some seconds`()
            async throws
        {
            try await withIdleNetNode(maintenance: "10s") { _, observer, user in
                try await eventually("it is between two passes") { try await observer.connections(of: user) == 1 }
                // Kept as those for work are, it would be open at the next pass too, and at all that follow.
                for pass in 1...2 {
                    try await eventually("pass \(pass) opens one") { try await observer.connections(of: user) == 2 }
                    try await eventually("and closes it") { try await observer.connections(of: user) == 1 }
                }
            }
        }

        /// Starts a netnode on the only node, as an operator has it who sets nothing, but for maintenance, and with
        /// half of the times of a session.
        private func withIdleNetNode(
            maintenance: String,
            _ body: @Sendable (_ nodes: NetNodes, _ observer: Connection, _ user: String) async throws -> Void
        ) async throws {
            let server = try PrivateServer()
            defer { server.destroy() }
            try await withNetNodes(hosts: 1, networkNodes: [], on: server) { nodes in
                let cluster = nodes.world.cluster
                let user = try await RoleUser.make(
                    .netnode,
                    in: cluster.configuration,
                    by: cluster.database,
                    on: server
                )
                var environment = user.environment
                environment["CLUSTEROPS_NETWORK_MAINTENANCE_INTERVAL"] = maintenance
                environment["CLUSTEROPS_WORKER_POLL_INTERVAL"] = "1s"
                environment["CLUSTEROPS_SESSION_LEASE"] = "5s"
                environment["CLUSTEROPS_SESSION_RENEW"] = "1s"
                try await nodes.start(0, environment: environment)
                let observer = try await Connection.open(cluster.configuration)
                try await body(nodes, observer, user.configuration.user)
                await observer.close()
            }
        }
    }
}

extension Connection {
    /// Counts the connections that a user holds.
    fileprivate func connections(of user: String) throws -> Int {
        try withSession { session in
            try session.query("SELECT COUNT(*) FROM information_schema.processlist WHERE user = \(user)")[0].only()
        }
    }
}
