import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import MariaDB
import Testing

/// A database has a connection for each daemon at rest, however many nodes there are.
@Suite(.timeLimit(.minutes(15))) struct ConnectionTests {
    @Test func `a worker holds one connection at rest, and four at most under load`() async throws {
        // Polls no closer than renewals: the look of a renewal is the poll.
        try await withWorkers(tasks: ["quick": "true"], poll: "1s") { cluster, workers in
            try await workers.start("h1")
            _ = try await cluster.enqueueEventually("quick")
            _ = try await cluster.queue.enqueue(
                OperationRequest(tasks: [try TaskName("quick")], allowsDedup: false),
                count: 300
            )
            var most = 0
            try await eventually("all of it is done", within: .seconds(120)) {
                most = max(most, try await cluster.connectionsOfOthers())
                return try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0
            }
            #expect((2...4).contains(most), "\(most)")
            // The work's connections are closed when they have been idle for ten seconds.
            try await eventually("one is left") { try await cluster.connectionsOfOthers() == 1 }
            let renewals = try await cluster.count("SELECT CAST(MAX(renewals) AS SIGNED) FROM sessions")
            try await eventually("it is renewed by that one") {
                try await cluster.count("SELECT CAST(MAX(renewals) AS SIGNED) FROM sessions") > renewals + 2
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM sessions WHERE dead = FALSE") == 1)
        }
    }
}

extension TestCluster {
    /// Counts the connections to this schema that are not the test's own, which come from one pool.
    fileprivate func connectionsOfOthers() async throws -> Int {
        let all = try await count("SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()")
        let own = await database.use
        return all - own.lent - own.idle
    }
}
