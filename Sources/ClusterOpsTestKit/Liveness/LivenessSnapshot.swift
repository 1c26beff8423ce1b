import ClusterModel
import MariaDB

/// A snapshot of all operations that wait, read from the tables without the engine's own statements.
struct LivenessSnapshot: Sendable {
    struct Waiting: Sendable, Hashable {
        let id: OperationID
        let part: LivenessPart?
        let queue: String
        let key: String?
        let isReady: Bool
    }

    /// The operations that wait to be run, oldest first.
    var queued: [Waiting] = []
    var pausedQueues: Set<String> = []
    /// The exclusive targets of the operations that run, as far as that is committed.
    var runningKeys: Set<String> = []
    var executing = 0
    /// All starts of operations so far.
    var starts = 0
    let at: ContinuousClock.Instant

    /// More than all clients together have waiting, but for the backlog, which is younger.
    private static let mostSeen = 3000

    /// Reads all of it in one transaction.
    static func read(_ connection: Connection) async throws -> LivenessSnapshot {
        try await connection.withSnapshot { session in
            var snapshot = LivenessSnapshot(at: .now)
            snapshot.queued = try session.query(
                """
                SELECT id, requester, queue_name, exclusive_key, ready_at <= NOW(6) AS is_ready
                FROM work_queue WHERE state = 'queued' ORDER BY enqueued_at LIMIT \(mostSeen)
                """
            ).map { row in
                Waiting(
                    id: try row.get("id"),
                    part: LivenessPart(rawValue: try row.get("requester")),
                    queue: try row.get("queue_name"),
                    key: try row.get("exclusive_key", as: String?.self),
                    isReady: try row.get("is_ready")
                )
            }
            snapshot.pausedQueues = Set(try session.query("SELECT pattern FROM queue_pauses").map { try $0.only() })
            let running = try session.query("SELECT COUNT(*) FROM work_queue WHERE state = 'executing'")
            snapshot.executing = try running.first?.only() ?? 0
            let starts = try session.query(
                """
                SELECT CAST((SELECT COALESCE(SUM(deliveries), 0) FROM work_queue)
                    + (SELECT COALESCE(SUM(deliveries), 0) FROM finished_operations) AS SIGNED)
                """
            )
            snapshot.starts = try starts.first?.only() ?? 0
            let held = try session.query("SELECT exclusive_key FROM running_targets")
            snapshot.runningKeys = Set(try held.map { try $0.only() })
            return snapshot
        }
    }
}
