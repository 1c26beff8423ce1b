import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct BacklogTests {
    /// What one claim of ten costs, counted by the server.
    private struct Cost: Hashable {
        var rowsRead: Int
        var rowsLocked: Int
        var claimed: Int
    }

    @Test func `a claim out of a million reads and locks no more than one out of a thousand`() async throws {
        let small = try await cost(ofBacklog: 1000)
        let large = try await cost(ofBacklog: 1_000_000)
        #expect(small.claimed == 10 && large.claimed == 10)
        #expect(large.rowsLocked <= small.rowsLocked, "\(large) against \(small)")
        #expect(large.rowsRead <= small.rowsRead, "\(large) against \(small)")
        // The claimed rows themselves: the row, and what the UPDATE touches of its index entries.
        #expect((small.claimed...2 * small.claimed).contains(small.rowsLocked))
    }

    @Test func `a million of another worker's tasks cost a claim no more than a thousand`() async throws {
        let small = try await costBesideForeign(1000)
        let large = try await costBesideForeign(1_000_000)
        #expect(large.first <= small.first + 100 && large.again <= small.again + 100, "\(large) against \(small)")
        #expect(large.renewal <= small.renewal + 100, "\(large) against \(small)")
        #expect(large.again < 200, "it has learnt what to pass over: \(large)")
    }

    /// Rows that looks read while all queues are full of what the worker cannot run.
    private struct ForeignCost: Hashable {
        /// Looks of a worker that knows nothing yet.
        var first: Int
        var again: Int
        /// The look that goes with a renewal.
        var renewal: Int
    }

    private func costBesideForeign(_ rows: Int) async throws -> ForeignCost {
        try await withCluster { cluster in
            try await cluster.register("reboot")
            try await cluster.fill(rows, with: "reboot")
            let last = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            let queues = QueueName.claimOrder(targets: [.node(try NodeName("h1")), .any])
            let connection = try await Connection.open(cluster.configuration)
            let cost = try await connection.withSession { session in
                var chooser = CandidateReader(
                    runnable: [BuiltInTask.noop.name: BuiltInTask.noop.definition],
                    policy: ClaimPolicy(stalenessBound: .seconds(60))
                )
                let start = try session.rowsRead()
                var found = try chooser.look(into: queues, 1, at: .now, on: session)
                #expect(found.choices.isEmpty && found.hasLearnt)
                while found.choices.isEmpty, found.hasLearnt {
                    found = try chooser.look(into: queues, 1, at: .now, on: session)
                }
                #expect(found.choices.map(\.candidate.id) == [last])
                let learnt = try session.rowsRead()
                #expect(try chooser.look(into: queues, 1, at: .now, on: session).choices.map(\.candidate.id) == [last])
                let again = try session.rowsRead()
                let node = NodeID.new()
                let filter = chooser.filter
                let full = try SessionSnapshotStatements.look(from: .new(), on: node, into: queues, filter, on: session)
                #expect(full.hasWork)
                let renewed = try session.rowsRead()
                try session.execute("DELETE FROM work_queue WHERE id = \(last)")
                let foreign = try SessionSnapshotStatements.look(
                    from: .new(),
                    on: node,
                    into: queues,
                    filter,
                    on: session
                )
                #expect(!foreign.hasWork, "work of others is none")
                return ForeignCost(first: learnt - start, again: again - learnt, renewal: renewed - again)
            }
            await connection.close()
            return cost
        }
    }

    private func cost(ofBacklog rows: Int) async throws -> Cost {
        try await withCluster { cluster in
            try await cluster.fill(rows)
            var joining = try cluster.worker()
            try await joining.join()
            let (worker, queues) = (joining, QueueName.claimOrder(targets: [.node(try NodeName("h1")), .any]))
            let definitions = [BuiltInTask.noop.name: BuiltInTask.noop.definition]
            let connection = try await Connection.open(cluster.configuration)
            let cost = try await connection.withTransaction { transaction in
                let before = try transaction.session.rowsRead()
                let all = try ClaimStatements.candidates(in: queues, .everything(most: 64), on: transaction.session)
                #expect(all.isCutOff)
                let seen = try ClaimStatements.candidates(in: queues, .heads(ofEach: 40), on: transaction.session)
                let claims = try Claiming.claimAndFold(
                    seen.candidates.map(\.id),
                    upTo: 10,
                    by: worker.identity,
                    definitions: definitions,
                    in: transaction
                ).claims
                let read = try transaction.session.rowsRead() - before

                // While this claim is not committed, another worker gets work, and other work.
                let others = try blocking {
                    // However long it took to fill the queues, nothing is stale: a worse lane's share, of which others
                    // hold nothing, would end the claim before its last slots are filled one by one.
                    var second = try cluster.worker("h2", stalenessBound: .seconds(3600))
                    return try await second.claim(10).map(\.operation.id)
                }
                #expect(others.count == 10 && Set(others).isDisjoint(with: claims.map(\.operation.id)))
                return Cost(
                    rowsRead: read,
                    rowsLocked: try transaction.listed("trx_rows_locked"),
                    claimed: claims.count
                )
            }
            await connection.close()
            return cost
        }
    }
}

extension TestCluster {
    /// Fills the queues of `any` with a backlog, as a single statement does it fastest.
    fileprivate func fill(_ rows: Int, with task: String = "noop") async throws {
        let tasks = "[\"\(task)\"]"
        var configuration = configuration
        configuration.timeouts.statement = .zero
        configuration.timeouts.read = .seconds(600)
        let connection = try await Connection.open(configuration)
        try await connection.withSession { session in
            try session.execute("CREATE TABLE numbers (number INT PRIMARY KEY)")
            try session.execute(
                """
                INSERT INTO numbers
                WITH RECURSIVE upto AS (SELECT 1 AS number UNION ALL SELECT number + 1 FROM upto WHERE number < 1000)
                SELECT number FROM upto
                """
            )
            try session.execute(
                """
                INSERT INTO work_queue (id, kind, tasks, queue_name, lane, requester, max_attempts, state, unmet,
                    enqueued_at, ready_at)
                SELECT UUID(), 'command', \(tasks), CONCAT('any-', lane), lane, 'test', 1, 'queued', 0, NOW(6), NOW(6)
                FROM (SELECT IF(a.number % 2 = 0, 'background', 'user_facing') AS lane
                    FROM numbers AS a CROSS JOIN numbers AS b LIMIT \(rows)) AS rows_wanted
                """
            )
            _ = try session.query("ANALYZE TABLE work_queue")
        }
        await connection.close()
    }
}
