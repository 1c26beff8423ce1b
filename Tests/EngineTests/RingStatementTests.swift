import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// The statements by which sessions watch each other, on a server.
@Suite(.timeLimit(.minutes(15))) struct RingStatementTests {
    @Test func `the ring is in the order of places, and goes on at its beginning`() async throws {
        try await withCluster { cluster in
            let ids = try await cluster.openSessions(50)
            try await cluster.execute("UPDATE sessions SET dead = TRUE WHERE id = \(ids[10])")
            let living = ids.filter { $0 != ids[10] }
            try await cluster.database.withSession { session in
                for position in [0, 7, 9, 10, 47, 49] {
                    for width in [3, 12, 192] {
                        var reading = RingReading()
                        reading.width = width
                        let window = try SessionStatements.ring(after: ids[position], reading, on: session)
                        let all =
                            living.filter { $0.place > ids[position].place }
                            + living.filter { $0.place < ids[position].place }
                        #expect(window.sightings.map(\.session) == Array(all.prefix(width)))
                        reading.wraps = false
                        let rest = try SessionStatements.ring(after: ids[position], reading, on: session)
                        let following = living.filter { $0.place > ids[position].place }
                        #expect(rest.sightings.map(\.session) == Array(following.prefix(width)))
                    }
                }
            }
        }
    }

    @Test func `a renewal and its look read as many rows in a large cluster as in a small one`() async throws {
        let small = try await rowsRead(sessions: 100)
        let large = try await rowsRead(sessions: 4000)
        #expect(small == large && large <= 20, "\(small), \(large)")
    }

    /// Counts the rows that one renewal and one look read, in a cluster that has had a past: of each living session
    /// there are two dead ones.
    private func rowsRead(sessions: Int) async throws -> Int {
        try await withCluster { cluster in
            let ids = try await cluster.openSessions(3 * sessions)
            try await cluster.database.withSession { session in
                try session.executeBatch(ids.indices.filter { $0 % 3 != 0 }) {
                    "UPDATE sessions SET dead = TRUE WHERE id = \(ids[$0])"
                }
                try session.execute("ANALYZE TABLE sessions")
            }
            let (own, node, queues) = (ids[30], NodeID.new(), QueueName.claimOrder(targets: [.any]))
            var reading = RingReading()
            reading.wraps = false
            let scope = SessionSnapshotStatements.Scope(ring: reading, isOfCluster: false)
            return try await cluster.database.withTransaction { transaction in
                let query = SessionSnapshotStatements.lookQuery(from: own, on: node, scope, into: queues)
                let plan = try transaction.query("EXPLAIN \(sql: query)").map { row in
                    [
                        try row.get("table", as: String?.self), try row.get("key", as: String?.self),
                        try row.get("Extra", as: String?.self),
                    ].map { $0 ?? "" }
                }
                #expect(plan.contains { $0[0] == "sessions" && $0[1] == "living_sessions" }, "\(plan)")
                #expect(!plan.contains { $0[2].contains("filesort") }, "\(plan)")
                let before = try transaction.session.rowsRead()
                _ = try SessionStatements.renew(own, lease: .seconds(10), doorbell: nil, on: transaction.session)
                let seen = try SessionSnapshotStatements.look(
                    from: own,
                    on: node,
                    scope,
                    into: queues,
                    on: transaction.session
                )
                #expect(seen.ring.sightings.map(\.session) == [33, 36, 39].map { ids[$0] })
                #expect(seen.cluster == nil)
                return try transaction.session.rowsRead() - before
            }
        }
    }

    @Test func `one worker that is left notices forty that died at once, and takes their work back`() async throws {
        try await withCluster { cluster in
            let node = try await cluster.addNode("h1")
            let ids = try await cluster.openSessions(40)
            _ = try await cluster.queue.enqueue(
                OperationRequest(tasks: [BuiltInTask.noop.name], allowsDedup: false),
                count: 40
            )
            try await cluster.database.withSession { session in
                let work = try session.query("SELECT id FROM work_queue").map { try $0.only(OperationID.self) }
                try session.executeBatch(Array(zip(work, ids))) { work, id in
                    """
                    UPDATE work_queue SET state = 'executing', session = \(id), deliveries = 1, worker_node = 'h1',
                        worker_pid = 1, claimed_at = NOW(6), started_at = NOW(6)
                    WHERE id = \(work)
                    """
                }
            }
            // It takes no new work, so that what comes back can be counted.
            try await cluster.execute("UPDATE nodes SET state = 'draining' WHERE id = \(node)")
            let worker = try cluster.liveWorker("h1", handlers: [], lease: .seconds(3))
            try await cluster.withWorkers([worker]) {
                try await eventually("all are dead but its own") {
                    try await cluster.count("SELECT COUNT(*) FROM sessions WHERE dead = FALSE") == 1
                }
                try await eventually("all work is back") {
                    try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE state = 'queued'") == 40
                }
            }
        }
    }

    @Test func `a wait is told of by a doorbell of any session that has one`() async throws {
        try await withCluster { cluster in
            let ids = try await cluster.openSessions(20)
            try await cluster.database.withSession { session in
                #expect(try SessionStatements.someDoorbell(on: session) == nil)
                try session.execute("UPDATE sessions SET doorbell = '10.0.0.1:7000' WHERE id = \(ids[7])")
                for _ in 0..<20 { #expect(try SessionStatements.someDoorbell(on: session) != nil) }
                try session.execute("UPDATE sessions SET dead = TRUE WHERE id = \(ids[7])")
                #expect(try SessionStatements.someDoorbell(on: session) == nil)
            }
        }
    }
}

extension TestCluster {
    /// Opens sessions of no process.
    ///
    /// - Returns: Their ids, in the order of the ring.
    func openSessions(_ count: Int, lease: Duration = .seconds(3)) async throws -> [SessionID] {
        let ids = (0..<count).map { _ in SessionID.random() }.sorted { $0.place < $1.place }
        try await database.withTransaction { transaction in
            try transaction.session.executeBatch(ids) { id in
                """
                INSERT INTO sessions (id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at,
                    expires_at)
                VALUES (\(id), 'queueworker', \(NodeID.new()), 'h0', 1, \(lease.wholeMicroseconds), NOW(6), NOW(6),
                    NOW(6) + INTERVAL \(lease.wholeMicroseconds) MICROSECOND)
                """
            }
        }
        return ids
    }
}
