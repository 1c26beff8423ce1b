import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import Logging
import MariaDB
import Measurement

/// What an operator's questions cost on a cluster with a long backlog and a long history.
struct ListBench {
    let rows: Int
    private let rounds = 10
    private let limit = 200.0

    func measure(on server: PrivateServer) async throws -> [Figure] {
        let (rows, rounds, limit) = (rows, rounds, limit)
        return try await withCluster(on: server) { cluster in
            try await cluster.fillBacklog(rows)
            try await cluster.fillHistory(5 * rows)
            let connection = ClusterConnection(
                database: cluster.database,
                requester: "bench",
                waker: NoWaker(),
                logger: Logger(label: "bench", factory: { _ in SwiftLogNoOpLogHandler() })
            )
            func median(_ body: () async throws -> Void) async throws -> Double {
                var sample = Distribution()
                for _ in 0..<rounds { sample.add(try await ContinuousClock().measure(body)) }
                return sample.median
            }
            let (all, rare, recent) = (OperationFilter(), try Self.rare(), try Self.executing())
            let next = OperationFilter(after: try await connection.operations(rare).next)
            let size = "\(rows) live, \(5 * rows) ended"
            let questions: [(String, () async throws -> Void)] = [
                ("op list", { _ = try await connection.operations(all) }),
                ("op list of what is rare", { _ = try await connection.operations(rare) }),
                ("op list of what runs", { _ = try await connection.operations(recent) }),
                ("op list, a page far back", { _ = try await connection.operations(next) }),
                ("queue list", { _ = try await connection.queues() }),
                ("queue waits", { _ = try await connection.waits(since: nil) }),
                ("status", { _ = try await connection.status() }),
            ]
            var figures: [Figure] = []
            for (name, ask) in questions {
                figures.append(Figure("\(name): \(size)", try await median(ask), "ms", .atMost(limit)))
            }
            // It asks everything, and nobody waits for it in a loop.
            figures.append(Figure("doctor: \(size)", try await median { _ = try await connection.diagnosis() }, "ms"))
            return figures
        }
    }

    private static func rare() throws -> OperationFilter {
        var selector = OperationSelector()
        selector.states = [.cancelled, .blocked]
        selector.network = try NetworkName("blue")
        return OperationFilter(selector)
    }

    private static func executing() throws -> OperationFilter {
        var selector = OperationSelector()
        selector.states = [.executing]
        return OperationFilter(selector)
    }
}

extension TestCluster {
    /// Adds operations that have ended, as a single statement does it fastest.
    fileprivate func fillHistory(_ rows: Int) async throws {
        var configuration = configuration
        configuration.timeouts.statement = .zero
        configuration.timeouts.read = .seconds(1800)
        let connection = try await Connection.open(configuration)
        try await connection.withSession { session in
            try session.execute(
                """
                INSERT INTO finished_operations (id, kind, tasks, queue_name, lane, requester, max_attempts, state,
                    enqueued_at, ready_at, deliveries, failures, defer_count, claimed_at, started_at, waited,
                    finished_at)
                SELECT CONCAT('0190163d-8694-739b-aea5-', LPAD(HEX(seq), 12, '0')), 'command', '["noop"]',
                    'any-user_facing', 'user_facing', 'bench', 1, 'complete',
                    NOW(6) - INTERVAL (20000000 - seq) MICROSECOND, NOW(6), 1, 0, 0, NOW(6),
                    NOW(6) + INTERVAL seq MICROSECOND, seq, NOW(6) + INTERVAL seq MICROSECOND
                FROM seq_1_to_50000000 LIMIT \(rows)
                """
            )
            _ = try session.query("ANALYZE TABLE finished_operations")
        }
        await connection.close()
    }
}
