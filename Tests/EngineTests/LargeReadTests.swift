import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
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

    @Test func `status reads few rows of each network without a mark, and one of each that is marked`() async throws {
        let networks = 1000
        try await withCluster { cluster in
            try await cluster.addLargeCluster(nodes: 300, processes: networks)
            let marked = try await cluster.rowsOfStatus()
            // Besides: sessions, nodes and processes, of each network its row, and again in the table of judgements.
            #expect(marked < 300 * 12 + networks * (4 + 3), "\(marked)")
            try await cluster.execute("UPDATE networks SET meshed_generation = 0, served_generation = 0")
            let judged = try await cluster.rowsOfStatus()
            // Ten guests, thirteen nodes with a mesh, and a server.
            #expect(judged < 80 * networks, "\(judged)")
        }
    }

    @Test func `what status and the elected node read of networks that have converged does not depend on guests`()
        async throws
    {
        let (few, many) = (try await rowsOfConverged(guests: 10), try await rowsOfConverged(guests: 100))
        #expect(few.status == many.status && few.check == many.check, "\(few), \(many)")
        // Four reads of the networks by the elected node, and the end of each.
        #expect(many.check <= 4 * 200 + 20, "\(many)")
    }

    private func rowsOfConverged(guests: Int) async throws -> (status: Int, check: Int) {
        try await withCluster { cluster in
            try await cluster.addLargeCluster(nodes: 300, processes: 200, guests: guests)
            for table in ["networks", "interfaces", "nodes", "applied_state"] as [SQL] {
                try await cluster.execute("ANALYZE TABLE \(sql: table)")
            }
            let check = try await cluster.rows { session in
                let meshed = try ConvergenceStatements.meshed(limit: 10, on: session)
                let served = try ConvergenceStatements.served(limit: 10, on: session)
                let behind = try MeshStatements.behind(limit: 10, on: session)
                #expect(meshed.isEmpty && served.isEmpty && behind.isEmpty)
            }
            return (try await cluster.rowsOfStatus(), check)
        }
    }

    @Test func `what is behind is found from the side of its network, however many nodes there are`() async throws {
        let (few, many) = (try await rowsOfBehind(nodes: 100), try await rowsOfBehind(nodes: 1000))
        #expect(few == many && many < 500, "\(few), \(many)")
    }

    /// Counts what is read of two networks that are behind, among a hundred.
    private func rowsOfBehind(nodes: Int) async throws -> Int {
        try await withCluster { cluster in
            try await cluster.addLargeCluster(nodes: nodes, processes: 100)
            try await cluster.execute("UPDATE networks SET generation = 2 WHERE vni <= 2")
            for table in ["networks", "interfaces", "nodes", "applied_state", "sessions"] as [SQL] {
                try await cluster.execute("ANALYZE TABLE \(sql: table)")
            }
            return try await cluster.rows { session in
                let behind = try MeshStatements.behind(limit: 1000, on: session)
                #expect(Set(behind.map(\.network)).count == 2 && behind.count >= 2 * 10, "\(behind)")
            }
        }
    }

    @Test func `faults of the data plane are read from their side, however many networks there are`() async throws {
        try await withCluster { cluster in
            let networks = 500
            try await cluster.addLargeCluster(nodes: 300, processes: networks)
            let whole = try await cluster.rowsOfStatus()
            // Hypervisors that no network node reaches, and others with a failed check.
            let cut: SQL = "BETWEEN '10.0.0.51' AND '10.0.0.80'"
            let failing: SQL = "BETWEEN '10.0.0.81' AND '10.0.0.90'"
            try await cluster.execute(
                """
                INSERT INTO mesh_reachability (from_node, to_node, state, since, reason)
                SELECT f.id, t.id, 'unreachable', NOW(6), 'cut' FROM nodes AS f JOIN nodes AS t
                WHERE f.is_network_node AND t.underlay_address \(sql: cut)
                """
            )
            try await cluster.execute(
                """
                INSERT INTO data_plane_checks (node, what, state, since, reason)
                SELECT id, 'bridge_filter', 'failed', NOW(6), 'a rule' FROM nodes WHERE underlay_address \(sql: failing)
                """
            )
            for table in ["networks", "interfaces", "nodes", "mesh_reachability", "data_plane_checks"] as [SQL] {
                try await cluster.execute("ANALYZE TABLE \(sql: table)")
            }
            let broken = try await cluster.rowsOfStatus()
            let hosted = try await cluster.count(
                """
                SELECT COUNT(DISTINCT i.network) FROM interfaces AS i JOIN nodes AS n ON n.id = i.node
                WHERE n.underlay_address \(sql: cut) OR n.underlay_address \(sql: failing)
                """
            )
            let status = try await cluster.database.withSession { try StatusView(StatusStatements.rows(on: $0)) }
            #expect(hosted > 50 && status.networks.converged == networks - hosted, "\(hosted)")
            // Ninety paths and ten checks with what hosts a guest there, and for each network a look at both lists.
            #expect(broken - whole < 90 * 60 + 4 * networks, "\(whole), \(broken)")
        }
    }

    @Test func `one node, and one network, are shown by rows of their own`() async throws {
        // Of a small table all may be read.
        let (few, many) = (try await rowsOfShow(nodes: 200), try await rowsOfShow(nodes: 1000))
        #expect(few == many && many.node < 50 && many.network < 250, "\(few), \(many)")
    }

    @Test func `the definition of a task is read once, however many nodes have it`() async throws {
        try await withCluster { cluster in
            try await cluster.addLargeCluster(nodes: 1000, processes: 1)
            try await cluster.execute(
                """
                INSERT INTO registered_tasks
                    (name, node, session, kind, coalescible, max_attempts, timeout_microseconds, registered_at)
                SELECT t.name, s.node, s.id, 'command', FALSE, 3, 60000000, NOW(6)
                FROM sessions AS s JOIN (SELECT 'backup' AS name UNION SELECT 'cleanup') AS t
                WHERE s.daemon = 'queueworker'
                """
            )
            try await cluster.execute("ANALYZE TABLE registered_tasks")
            let read = try await cluster.rows { session in
                let found = try TaskStatements.registrations([try TaskName("backup")], on: session)
                #expect(found.count == 1 && found[0].maximumAttempts == 3)
            }
            #expect(read < 10, "\(read)")
        }
    }

    @Test func `the queues of many nodes are counted in a few walks, and as each is counted alone`() async throws {
        let (nodes, backlog) = (1500, 5000)
        try await withCluster { cluster in
            try await cluster.addLargeCluster(nodes: nodes, processes: 1)
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: backlog)
            try await cluster.fill(
                """
                INSERT INTO work_queue (id, kind, tasks, queue_name, lane, requester, max_attempts, state, unmet,
                    enqueued_at, ready_at, node, node_name)
                SELECT UUID(), 'command', '["noop"]', CONCAT(n.name, '-background'), 'background', 'test', 1,
                    IF(s.seq = 1, 'blocked', 'queued'), s.seq = 1, NOW(6),
                    NOW(6) + INTERVAL IF(s.seq = 2, 1, -1) HOUR, n.id, n.name
                FROM nodes AS n CROSS JOIN seq_1_to_4 AS s
                """
            )
            try await cluster.database.withSession { session in
                let (rowsBefore, statementsBefore) = (try session.rowsRead(), try session.statements())
                let found = try QueueStatements.countsInUse(most: 10_000, limit: 3000, on: session)
                let (rows, statements) = (try session.rowsRead(), try session.statements())
                #expect(found.map(\.queue) == found.map(\.queue).sorted() && found.count == nodes + 1)
                // One step and one count for the long queue; 6,000 entries of nodes in steps of 2,000, each less its last
                // queue; the two counts of statements.
                #expect(statements - statementsBefore <= 2 + 4 + 2, "\(statements - statementsBefore)")
                #expect(rows - rowsBefore < 3 * (4 * nodes + 4 * 2000 + 3000), "\(rows - rowsBefore)")
                let alone = try found.map(\.queue).inLists {
                    try QueueStatements.counts(of: Array($0.prefix(20)), limit: 3000, on: session)
                }
                #expect(found[0].queue.description == "any-user_facing" && found[0].queued == 3000)
                let numbers = Dictionary(uniqueKeysWithValues: found.map { ($0.queue, $0) })
                for counts in alone {
                    let same = try #require(numbers[counts.queue])
                    #expect((same.queued, same.delayed) == (counts.queued, counts.delayed))
                    #expect((same.blocked, same.executing) == (counts.blocked, counts.executing))
                    #expect(same.oldestReadyAt == counts.oldestReadyAt)
                }
                let bounded = try QueueStatements.countsInUse(most: 10, limit: 1, on: session)
                #expect(bounded.map(\.queue) == found.prefix(10).map(\.queue))
            }
        }
    }

    private struct Shown: Equatable {
        let node: Int
        let network: Int
    }

    private func rowsOfShow(nodes: Int) async throws -> Shown {
        try await withCluster { cluster in
            try await cluster.addLargeCluster(nodes: nodes, processes: nodes)
            try await cluster.execute("UPDATE networks SET generation = 2 WHERE name = 'net5'")
            for table in ["networks", "interfaces", "nodes", "applied_state", "sessions"] as [SQL] {
                try await cluster.execute("ANALYZE TABLE \(sql: table)")
            }
            let (node, network) = (try NodeName("h5"), try NetworkName("net5"))
            return Shown(
                node: try await cluster.rows { session in
                    let found = try Inventory.snapshot(of: node, on: session)
                    #expect(found.sessions.count == 2)
                },
                network: try await cluster.rows { session in
                    let found = try Inventory.snapshot(of: network, on: session)
                    #expect(!found.converged && found.withNetnode.isSuperset(of: found.missing.compactMap(\.node)))
                }
            )
        }
    }
}

extension TestCluster {
    /// Counts the rows that a body reads.
    fileprivate func rows(_ body: @Sendable (_ session: borrowing Session) throws -> Void) async throws -> Int {
        try await database.withSession { session in
            let before = try session.rowsRead()
            try body(session)
            return try session.rowsRead() - before
        }
    }

    fileprivate func rowsOfStatus() async throws -> Int {
        try await rows { _ = try StatusStatements.rows(on: $0) }
    }
}
