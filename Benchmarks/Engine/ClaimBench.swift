import ClusterModel
import ClusterOpsTestKit
import MariaDB
import Measurement

/// What one claim of ten costs, out of little, out of much, and while an old snapshot keeps purge from its work.
struct ClaimBench {
    let rows: Int
    private let claims = 60
    /// What is ended in front of the backlog while the snapshot is open.
    private let ended = 20_000

    func measure(on server: PrivateServer) async throws -> [Figure] {
        let (claims, rows, ended) = (claims, rows, ended)
        return try await withCluster(on: server) { small in
            try await small.fillBacklog(1000)
            // Another schema on the same server, so that both are measured in turn.
            return try await withCluster(on: server) { large in
                try await large.fillBacklog(rows)
                var (few, many) = (Distribution(), Distribution())
                var (first, second) = (try small.worker("h1"), try large.worker("h1"))
                for _ in 0..<claims {
                    few.add(try await ContinuousClock().measure { _ = try await first.claim(10) })
                    many.add(try await ContinuousClock().measure { _ = try await second.claim(10) })
                }
                let reader = try await Connection.open(large.configuration)
                try await reader.withSession { session in
                    try session.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    try session.execute("SET SESSION idle_transaction_timeout = 0")
                    try session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
                }
                try await large.end(ended)
                // Without this the figure would say nothing: what has been purged costs nobody anything.
                let history = try await large.count(
                    """
                    SELECT CAST(variable_value AS SIGNED) FROM information_schema.global_status
                    WHERE variable_name = 'INNODB_HISTORY_LIST_LENGTH'
                    """
                )
                var held = Distribution()
                for _ in 0..<claims {
                    held.add(try await ContinuousClock().measure { _ = try await second.claim(10) })
                }
                await reader.close()
                return [
                    Figure("claim of 10 out of 1,000", few.median, "ms"),
                    Figure("claim of 10 out of \(rows)", many.median, "ms"),
                    Figure("claim: large backlog against small", many.median / few.median, "x", .atMost(1.3)),
                    Figure("claim: history that purge must keep", Double(history), "", .atLeast(40)),
                    Figure("claim: \(ended) ended under an old snapshot", held.median / many.median, "x", .atMost(3)),
                ]
            }
        }
    }
}

extension TestCluster {
    /// Fills the queues of `any` with operations that do nothing, as a single statement does it fastest.
    func fillBacklog(_ rows: Int) async throws {
        var configuration = configuration
        configuration.timeouts.statement = .zero
        configuration.timeouts.read = .seconds(200)
        let connection = try await Connection.open(configuration)
        try await connection.withSession { session in
            try session.execute(
                """
                INSERT INTO work_queue (id, kind, tasks, queue_name, lane, requester, max_attempts, state, unmet,
                    enqueued_at, ready_at)
                SELECT UUID(), 'command', '["noop"]', IF(seq % 2 = 0, 'any-background', 'any-user_facing'),
                    IF(seq % 2 = 0, 'background', 'user_facing'), 'bench', 1, 'queued', 0, NOW(6),
                    NOW(6) - INTERVAL (20000000 - seq) MICROSECOND
                FROM seq_1_to_10000000 LIMIT \(rows)
                """
            )
            _ = try session.query("ANALYZE TABLE work_queue")
        }
        await connection.close()
    }

    /// Claims and ends operations at the heads of the queues, as a worker does it.
    fileprivate func end(_ wanted: Int) async throws {
        var worker = try worker("h2")
        var ended = 0
        while ended < wanted {
            let claims = try await worker.claim(500)
            ended += claims.count
            try await worker.settle(claims, .succeeded(result: nil))
        }
    }
}
