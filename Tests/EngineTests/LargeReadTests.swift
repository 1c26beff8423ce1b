import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterModel
@testable import ClusterStore

/// The cost of reads in large clusters, in rows.
@Suite(.timeLimit(.minutes(15))) struct LargeReadTests {
    @Test func `a hypervisor reads the rows of its own networks, however many others there are`() async throws {
        let (few, many) = (try await rowsOfHypervisor(networks: 50), try await rowsOfHypervisor(networks: 2000))
        #expect(few == many && many < 400, "\(few), \(many)")
    }

    /// Counts what is read for a node that has a guest in three networks of eleven guests each.
    private func rowsOfHypervisor(networks: Int) async throws -> Int {
        try await withCluster { cluster in
            try await cluster.addLargeCluster(nodes: 100, processes: networks)
            let node = NodeID.new()
            try await cluster.execute(
                """
                INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
                VALUES (\(node), 'hv', '10.1.0.1', TRUE, FALSE)
                """
            )
            try await cluster.execute(
                """
                INSERT INTO interfaces (id, network, node, mac, address, hostname)
                SELECT UUID(), id, \(node), '52:54:00:00:01:00', '10.9.0.200', 'own' FROM networks WHERE vni <= 3
                """
            )
            for table in ["networks", "interfaces", "nodes"] as [SQL] {
                try await cluster.execute("ANALYZE TABLE \(sql: table)")
            }
            return try await cluster.database.withSession { session in
                let name = try NodeName("hv")
                let before = try session.rowsRead()
                let found = try #require(try WantedStatements.snapshot(on: name, on: session))
                let read = try session.rowsRead() - before
                #expect(!found.isNetworkNode && Set(found.mesh.rows.map(\.network)).count == 3)
                return read
            }
        }
    }

    @Test func `status judges many networks by few rows of each`() async throws {
        try await withCluster { cluster in
            try await cluster.addLargeCluster(nodes: 300, processes: 1000)
            let read = try await cluster.database.withSession { session in
                let before = try session.rowsRead()
                _ = try StatusStatements.rows(on: session)
                return try session.rowsRead() - before
            }
            // Of each network ten guests, thirteen nodes with a mesh and a server.
            #expect(read < 120 * 1000, "\(read)")
        }
    }
}
