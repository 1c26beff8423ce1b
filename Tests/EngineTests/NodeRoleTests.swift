import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// The conditions of a change of roles, and the operations that it enqueues.
@Suite(.timeLimit(.minutes(15))) struct NodeRoleTests {
    private func inventory(_ cluster: TestCluster) -> Inventory {
        Inventory(
            ClusterConnection(database: cluster.database, requester: "test", waker: NoWaker(), logger: .silent)
        )
    }

    /// Two nodes, of which the first is a network node, and a network.
    private func withWorld(_ body: @Sendable (TestCluster, Inventory) async throws -> Void) async throws {
        try await withCluster { cluster in
            for name in ["h1", "h2"] { try await cluster.addNode(name) }
            try await cluster.execute("UPDATE nodes SET is_network_node = (name = 'h1')")
            try await cluster.addNetwork("blue")
            try await body(cluster, inventory(cluster))
        }
    }

    private func refuses(
        _ words: String,
        _ body: () async throws -> Changed<NodeSnapshot>
    ) async {
        let error = await #expect(throws: ClusterOpsError.self) { _ = try await body() }
        #expect(error?.code == .conflict && error?.message.contains(words) == true, "\(error as Any)")
    }

    private let h1: NodeName
    private let h2: NodeName

    init() throws { (h1, h2) = (try NodeName("h1"), try NodeName("h2")) }

    @Test func `a node that becomes a network node, and one that ceases to be one, gets every network applied`()
        async throws
    {
        try await withWorld { cluster, inventory in
            func meshed() async throws -> [String] {
                try await cluster.database.withSession { session in
                    try session.query("SELECT node_name FROM work_queue WHERE node_name IS NOT NULL ORDER BY node_name")
                        .map { try $0.only(String.self) }
                }
            }
            let before = try await cluster.count("SELECT generation FROM networks")
            let changed = try await inventory.changeNode(h2, NodeChange(roles: [.hypervisor, .network]))
            #expect(changed.object.record.roles == [.hypervisor, .network] && changed.operations.count == 3)
            #expect(try await meshed() == ["h1", "h2"])
            #expect(try await cluster.count("SELECT generation FROM networks") == before + 1)
            try await cluster.execute("DELETE FROM work_queue")
            _ = try await inventory.changeNode(h2, NodeChange(roles: [.hypervisor]))
            #expect(try await meshed() == ["h1", "h2"], "it has something to take away")
            #expect(try await cluster.count("SELECT generation FROM networks") == before + 2)
            try await cluster.execute("DELETE FROM work_queue")
            let same = try await inventory.changeNode(h2, NodeChange(roles: [.hypervisor]))
            #expect(same.operations.isEmpty)
            #expect(try await meshed() == [])
        }
    }

    @Test func `the last network node keeps the role while there are networks`() async throws {
        try await withWorld { cluster, inventory in
            await refuses("is the last network node, and there is 1 network") {
                try await inventory.changeNode(h1, NodeChange(roles: [.hypervisor]))
            }
            _ = try await inventory.changeNode(h2, NodeChange(roles: [.network]))
            _ = try await inventory.changeNode(h1, NodeChange(roles: [.hypervisor]))
            _ = try await inventory.removeNetwork(try NetworkName("blue"))
            _ = try await inventory.changeNode(h2, NodeChange(roles: [.hypervisor]))
            #expect(try await cluster.count("SELECT COUNT(*) FROM nodes WHERE is_network_node") == 0)
        }
    }

    @Test func `of the last two network nodes that give up the role at once one keeps it`() async throws {
        try await withWorld { cluster, inventory in
            for _ in 0..<5 {
                try await cluster.execute("UPDATE nodes SET is_network_node = TRUE")
                let given = await withTaskGroup(of: Bool.self) { group in
                    for node in [h1, h2] {
                        group.addTask {
                            await (try? inventory.changeNode(node, NodeChange(roles: [.hypervisor]))) != nil
                        }
                    }
                    return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                #expect(given == 1)
                #expect(try await cluster.count("SELECT COUNT(*) FROM nodes WHERE is_network_node") == 1)
            }
        }
    }

    @Test func `an elected node keeps the role while nobody could follow it`() async throws {
        try await withWorld { cluster, inventory in
            try await cluster.execute("UPDATE nodes SET is_network_node = TRUE")
            try await cluster.execute(
                """
                INSERT INTO leases (name, holder, holder_node, term, renewed_at, expires_at)
                VALUES ('networknode', UUID(), 'h1', 1, NOW(6), NOW(6) + INTERVAL 1 HOUR)
                """
            )
            await refuses("is elected, and no other network node is active and runs a netnode") {
                try await inventory.changeNode(h1, NodeChange(roles: [.hypervisor]))
            }
            try await cluster.execute(
                """
                INSERT INTO sessions (
                    id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
                SELECT UUID(), 'netnode', id, name, 1, 10000000, NOW(6), NOW(6), NOW(6) + INTERVAL 1 HOUR
                FROM nodes WHERE name = 'h2'
                """
            )
            _ = try await inventory.drain(h2)
            await refuses("is elected") { try await inventory.changeNode(h1, NodeChange(roles: [.hypervisor])) }
            _ = try await inventory.undrain(h2)
            _ = try await inventory.changeNode(h1, NodeChange(roles: [.hypervisor]))
        }
    }

    @Test func `a node with guests stays a hypervisor, and may be a network node too`() async throws {
        try await withWorld { cluster, inventory in
            try await cluster.execute(
                """
                INSERT INTO interfaces (id, network, node, mac, address, hostname)
                SELECT UUID(), w.id, n.id, '52:54:00:00:00:01', '10.9.0.9', 'web'
                FROM networks AS w JOIN nodes AS n ON n.name = 'h2'
                """
            )
            await refuses("node 'h2' still has 1 interface: remove them, or move them") {
                try await inventory.changeNode(h2, NodeChange(roles: [.network]))
            }
            _ = try await inventory.changeNode(h2, NodeChange(roles: [.hypervisor, .network]))
            _ = try await inventory.changeNode(h2, NodeChange(roles: [.hypervisor]))
        }
    }

    @Test func `a node that does not have its underlay address becomes no network node, unless it gets another one`()
        async throws
    {
        try await withWorld { cluster, inventory in
            for statement: SQL in [
                """
                INSERT INTO sessions (
                    id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
                SELECT UUID(), 'netnode', id, name, 1, 10000000, NOW(6), NOW(6), NOW(6) + INTERVAL 1 HOUR
                FROM nodes WHERE name = 'h2'
                """,
                """
                INSERT INTO data_plane_checks (node, what, state, since, reason)
                SELECT id, 'underlay_address', 'failed', NOW(6), 'it is on no device of the node'
                FROM nodes WHERE name = 'h2'
                """,
            ] { try await cluster.execute(statement) }
            await refuses("it is on no device of the node") {
                try await inventory.changeNode(h2, NodeChange(roles: [.hypervisor, .network]))
            }
            let wanted = try NodeChange(underlayAddress: try IPv4Address("192.0.2.222"), roles: [.network])
            let changed = try await inventory.changeNode(h2, wanted)
            #expect(changed.object.record.underlayAddress.description == "192.0.2.222")
        }
    }

    @Test func `a removal that has seen another role is refused, and succeeds when it is repeated`() async throws {
        try await withWorld { cluster, inventory in
            let isHeld = Locked(false)
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask {
                    try await cluster.database.withTransaction { transaction in
                        try transaction.execute("UPDATE nodes SET is_network_node = TRUE WHERE name = 'h2'")
                        isHeld.update { $0 = true }
                        try blocking {
                            try await eventually("the removal waits for the node") {
                                try await cluster.count(
                                    """
                                    SELECT COUNT(*) FROM information_schema.processlist
                                    WHERE info LIKE '%FROM nodes WHERE name%FOR UPDATE'
                                    """
                                ) > 0
                            }
                        }
                    }
                }
                group.addTask {
                    try await eventually("the node is held") { isHeld.value }
                    let error = await #expect(throws: ClusterOpsError.self) { try await inventory.removeNode(h2) }
                    #expect(error?.code == .conflict && error?.message.contains("have just been changed") == true)
                }
            }
            _ = try await inventory.removeNode(h2)
        }
    }
}
