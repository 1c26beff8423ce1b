import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import MariaDB
import NetNode
import Testing

/// Rows of networks that do not parse: each is left out by itself, and known to be there.
@Suite struct UnreadableNetworkTests {
    /// As in a database that is older than the checks.
    static func dropChecks(_ cluster: TestCluster) async throws {
        try await cluster.execute(
            """
            ALTER TABLE networks DROP CONSTRAINT network_cidr_has_its_form,
                DROP CONSTRAINT network_cidr_has_no_host_bits, DROP CONSTRAINT network_mtu_is_sane,
                DROP CONSTRAINT network_cidr_is_of_hosts
            """
        )
        try await cluster.execute(
            """
            ALTER TABLE external_network DROP CONSTRAINT external_network_cidr_has_its_form,
                DROP CONSTRAINT external_network_cidr_has_no_host_bits,
                DROP CONSTRAINT external_network_gateway_is_a_host,
                DROP CONSTRAINT external_network_first_address_is_a_host,
                DROP CONSTRAINT external_network_last_address_is_a_host,
                DROP CONSTRAINT external_network_cidr_is_of_hosts
            """
        )
    }

    private struct World: Sendable {
        let cluster: TestCluster
        let node: NodeID
        let networks: [NetworkID]
    }

    /// A node that may be elected, and three networks with a guest and an address outside each.
    private func withNetworks(_ body: @Sendable (World) async throws -> Void) async throws {
        try await withCluster { cluster in
            try await Self.dropChecks(cluster)
            let node = NodeID.new()
            let networks = (0..<3).map { _ in NetworkID.new() }
            try await cluster.execute(
                """
                INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
                VALUES (\(node), 'h1', '192.0.2.1', TRUE, TRUE)
                """
            )
            try await cluster.execute(
                """
                INSERT INTO external_network (cidr, gateway, first_address, last_address)
                VALUES ('203.0.113.0/24', '203.0.113.1', '203.0.113.10', '203.0.113.20')
                """
            )
            for (index, network) in networks.enumerated() {
                try await cluster.execute(
                    """
                    INSERT INTO networks (id, name, vni, cidr, mtu, dhcp, dns)
                    VALUES (\(network), \("n\(index)"), \(100 + index), '10.9.0.0/24', 1450, TRUE, TRUE)
                    """
                )
                try await cluster.execute(
                    """
                    INSERT INTO interfaces (id, network, node, mac, address, hostname)
                    VALUES (\(InterfaceID.new()), \(network), \(node), '02:00:00:00:00:0b', '10.9.0.11', 'guest')
                    """
                )
                try await cluster.execute(
                    """
                    INSERT INTO external_addresses (address, network, holder)
                    VALUES (\("203.0.113.1\(index)"), \(network), \(network))
                    """
                )
            }
            try await body(World(cluster: cluster, node: node, networks: networks))
        }
    }

    @Test func `a CIDR that does not parse leaves out its network alone, with its VNI and a reason`() async throws {
        try await withNetworks { world in
            for cidr in ["10.9.0.1/24", "10.9.0.256/24", "10.9.0.0/31", "10.9.0.0/24\n", "hostile", "127.9.0.0/16"] {
                try await world.cluster.execute("UPDATE networks SET cidr = \(cidr) WHERE vni = 101")
                let servers = try await snapshot(world).servers
                #expect(ServerWanted.all(in: servers.rows).map(\.vni.rawValue) == [100, 102])
                let egress = try await world.cluster.database.withSession { session in
                    EgressWanted.Snapshot(try ExternalStatements.rows(on: session))
                }
                #expect(egress.networks.map(\.vni.rawValue) == [100, 102])
                for unreadable in [servers.unreadable, egress.unreadable] {
                    #expect(unreadable.map(\.id) == [world.networks[1]] && unreadable[0].vni?.rawValue == 101)
                    let reason = unreadable[0].reason
                    #expect(reason.contains("cidr") && !reason.contains(cidr) && !reason.contains("\n"), "\(reason)")
                }
                // The mesh does not ask for it.
                #expect(try await mesh(world).networks.count == 3)
            }
        }
    }

    @Test func `a network that the mesh cannot read is still one that is wanted`() async throws {
        try await withNetworks { world in
            try await world.cluster.execute("UPDATE networks SET mtu = 1 WHERE vni = 101")
            let mesh = try await mesh(world)
            #expect(mesh.networks.map(\.vni.rawValue) == [100, 102])
            #expect(mesh.unreadable.map(\.id) == [world.networks[1]])
            #expect(mesh.vnis.map(\.rawValue).sorted() == [100, 101, 102])
            let vnis = try await world.cluster.database.withSession { try MeshStatements.vnis(on: $0) }
            #expect(vnis == mesh.vnis)
        }
    }

    @Test func `an external network that does not parse leaves every egress as it is`() async throws {
        try await withNetworks { world in
            try await world.cluster.execute("UPDATE external_network SET cidr = '203.0.113.1/24'")
            let egress = try await world.cluster.database.withSession { session in
                EgressWanted.Snapshot(try ExternalStatements.rows(on: session))
            }
            #expect(egress.networks.isEmpty && Set(egress.unreadable.map(\.id)) == Set(world.networks))
            #expect(egress.unreadable.allSatisfy { $0.reason.contains("external") && $0.vni != nil })
        }
    }

    private func mesh(_ world: World) async throws -> MeshWanted {
        let snapshot = try await snapshot(world)
        return try MeshWanted(snapshot.mesh.rows, unreadable: snapshot.mesh.unreadable, on: world.node)
    }

    private func snapshot(_ world: World) async throws -> WantedStatements.Snapshot {
        try await world.cluster.database.withSession { session in
            try #require(try WantedStatements.snapshot(on: try NodeName("h1"), on: session))
        }
    }
}
