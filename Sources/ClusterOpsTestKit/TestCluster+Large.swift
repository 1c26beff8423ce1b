import ClusterStore
import MariaDB

extension TestCluster {
    /// Runs a statement that writes so many rows that a busy machine takes longer than the engine's time limits.
    package func fill(_ statement: SQL) async throws {
        var configuration = configuration
        configuration.timeouts.statement = .zero
        configuration.timeouts.read = .seconds(600)
        let connection = try await Connection.open(configuration)
        try await connection.withSession { _ = try $0.execute(statement) }
        await connection.close()
    }

    /// A cluster without processes: nodes with sessions, three of which may be elected, and a network for each process,
    /// with at most 200 guests; all of them have converged, and are marked.
    package func addLargeCluster(nodes: Int, processes: Int, guests: Int = 10) async throws {
        let statements: [SQL] = [
            """
            INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
            SELECT UUID(), CONCAT('h', seq), CONCAT('10.0.', seq DIV 250, '.', seq % 250 + 1), TRUE, seq <= 3
            FROM seq_1_to_100000 WHERE seq <= \(nodes)
            """,
            """
            INSERT INTO sessions (
                id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
            SELECT UUID(), d.daemon, n.id, n.name, 1, 10000000, NOW(6), NOW(6), NOW(6) + INTERVAL 300 SECOND
            FROM nodes AS n CROSS JOIN (SELECT 'netnode' AS daemon UNION SELECT 'queueworker') AS d
            WHERE n.name <> CONCAT('h', \(nodes))
            """,
            """
            INSERT INTO networks (id, name, vni, cidr, mtu, dhcp, dns)
            SELECT UUID(), CONCAT('net', seq), seq, '10.9.0.0/24', 1450, TRUE, TRUE
            FROM seq_1_to_100000 WHERE seq <= \(processes)
            """,
            """
            INSERT INTO interfaces (id, network, node, mac, address, hostname)
            SELECT UUID(), w.id, n.id, CONCAT('52:54:00:00:00:', LOWER(LPAD(HEX(s.seq), 2, '0'))), CONCAT('10.9.0.', s.seq),
                CONCAT('g', s.seq)
            FROM networks AS w CROSS JOIN seq_10_to_209 AS s
                JOIN nodes AS n ON n.name = CONCAT('h', 1 + (w.vni * 10 + s.seq) % \(nodes))
            WHERE s.seq < 10 + \(guests)
            """,
            """
            INSERT INTO applied_state (network, node, what, generation, term, applied_at)
            SELECT w.id, n.id, 'mesh', 1, 1, NOW(6) FROM networks AS w CROSS JOIN nodes AS n
            WHERE n.is_network_node OR EXISTS (SELECT 1 FROM interfaces AS i WHERE i.network = w.id AND i.node = n.id)
            """,
            """
            INSERT INTO applied_state (network, node, what, generation, term, applied_at)
            SELECT w.id, n.id, 'dnsmasq', 1, 1, NOW(6) FROM networks AS w CROSS JOIN nodes AS n WHERE n.name = 'h1'
            """,
            """
            INSERT INTO supervised_processes (node, service, state, pid, restarts, memory_bytes, health, sampled_at, session)
            SELECT s.node, CONCAT('dnsmasq ', w.vni), 'running', w.vni, 0, 2000000,
                IF(w.vni = 7, 'unhealthy', 'healthy'), NOW(6), s.id
            FROM networks AS w CROSS JOIN sessions AS s WHERE s.node_name = 'h1' AND s.daemon = 'netnode'
            """,
        ]
        for statement in statements { try await fill(statement) }
        try await execute(
            """
            INSERT INTO leases (name, holder, holder_node, term, renewed_at, expires_at)
            VALUES ('networknode', UUID(), 'h1', 1, NOW(6), NOW(6) + INTERVAL 300 SECOND)
            """
        )
        try await markConverged()
    }

    /// Marks the networks that have converged, as the elected node does.
    package func markConverged() async throws {
        try await database.withTransaction { transaction in
            let limit = 100_000
            let reached =
                try ConvergenceStatements.meshed(limit: limit, on: transaction.session)
                + ConvergenceStatements.served(limit: limit, on: transaction.session)
            try ConvergenceStatements.mark(reached, in: transaction)
        }
    }
}
