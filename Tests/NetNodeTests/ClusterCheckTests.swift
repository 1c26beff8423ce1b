import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import NetNode

/// The check that the elected node makes of all networks.
@Suite(.timeLimit(.minutes(15))) struct ClusterCheckTests {
    @Test func `each share that is behind is asked for once, and what has converged is marked`() async throws {
        try await withCluster { cluster in
            try await cluster.addLargeCluster(nodes: 30, processes: 450)
            try await cluster.execute("UPDATE networks SET meshed_generation = 0, served_generation = 0")
            // Of one network every share is behind, of another one share. The last node has no process.
            try await cluster.execute("UPDATE networks SET generation = 2 WHERE name = 'net1'")
            try await cluster.execute(
                """
                DELETE FROM applied_state
                WHERE what = 'mesh' AND network = (SELECT id FROM networks WHERE name = 'net2')
                    AND node IN (SELECT id FROM nodes WHERE name = 'h2')
                """
            )
            let check = ClusterCheck(
                node: try NodeName("h1"),
                database: cluster.database,
                counters: cluster.counters,
                waker: NoWaker(),
                logger: .silent
            )
            let shares = try await cluster.count(
                """
                SELECT COUNT(*) FROM applied_state AS a JOIN networks AS w ON w.id = a.network
                    JOIN nodes AS n ON n.id = a.node
                WHERE w.name = 'net1' AND a.what = 'mesh' AND n.name <> 'h30'
                """
            )
            #expect(try await check.pass() == shares + 1)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == shares + 1)
            #expect(try await cluster.count("SELECT COUNT(*) FROM networks WHERE meshed_generation = 1") == 448)
            #expect(try await cluster.count("SELECT COUNT(*) FROM networks WHERE served_generation = 1") == 449)
            #expect(try await check.pass() == shares + 1)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == shares + 1, "they wait already")
            try await cluster.execute(
                """
                INSERT INTO applied_state (network, node, what, generation, term, applied_at)
                SELECT w.id, n.id, 'mesh', 2, 1, NOW(6) FROM networks AS w JOIN nodes AS n WHERE w.name IN ('net1', 'net2')
                ON DUPLICATE KEY UPDATE generation = VALUES(generation)
                """
            )
            #expect(try await check.pass() == 0)
            let unmarked: SQL = "SELECT COUNT(*) FROM networks WHERE meshed_generation < generation"
            #expect(try await cluster.count(unmarked) == 0)
        }
    }
}
