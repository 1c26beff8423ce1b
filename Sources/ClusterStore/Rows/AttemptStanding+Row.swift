import ClusterModel
import DatabaseTime
import Foundation
import MariaDB

extension AttemptStanding {
    /// The columns that `init(row:)` reads.
    package static let columns: SQL = """
        id, tasks, queue_name, deadline, max_attempts, failures, defer_count, deliveries,
        cancel_requested_at IS NOT NULL AS is_cancel_requested, enqueued_at,
        \(sql: OperationColumns.couldRunSince) AS could_run_since, started_at, worker_node, session,
        \(sql: Operation.Document.history.columns)
        """

    /// Reads a row; what may be of another shape is nil or empty then.
    package init(row: Row) throws {
        self.init(
            id: try row.get("id"),
            tasks: (try? Operation.tasks(of: row)) ?? [],
            queue: try? row.get("queue_name", as: QueueName.self),
            deadline: try row.get("deadline"),
            maximumAttempts: try row.get("max_attempts"),
            failures: try row.get("failures"),
            deferCount: try row.get("defer_count"),
            deliveries: try row.get("deliveries"),
            isCancelRequested: try row.get("is_cancel_requested"),
            couldRunSince: try row.get("could_run_since"),
            startedAt: try row.get("started_at"),
            worker: (try? row.get("worker_node", as: NodeName.self), try row.get("session")),
            history: try AttemptRecord.history(of: row)
        )
    }
}

extension AttemptRecord {
    /// Reads the records of a row, with the columns `attempt_history` and `enqueued_at`.
    ///
    /// A record of a newer program, or of a hand, keeps no operation from being run, ended or shown: one that cannot
    /// be decoded is replaced by one that says so.
    package static func history(of row: Row) throws -> [AttemptRecord] {
        guard let text = try row.get("attempt_history", as: String?.self) else { return [] }
        let enqueuedAt: Timestamp = try row.get("enqueued_at")
        guard let records = try? JSONDecoder().decode([Lenient].self, from: Data(text.utf8)) else {
            return [unreadable(at: enqueuedAt)]
        }
        return records.map { $0.record ?? unreadable(at: enqueuedAt) }
    }

    private struct Lenient: Decodable {
        let record: AttemptRecord?

        init(from decoder: any Decoder) throws {
            record = try? AttemptRecord(from: decoder)
        }
    }

    private static func unreadable(at moment: Timestamp) -> AttemptRecord {
        AttemptRecord(
            delivery: 0,
            outcome: .unknown,
            node: nil,
            session: nil,
            startedAt: nil,
            endedAt: moment,
            error: OperationFailure(
                code: "unreadable_record",
                message: "the record of this attempt cannot be decoded by this version"
            )
        )
    }
}
