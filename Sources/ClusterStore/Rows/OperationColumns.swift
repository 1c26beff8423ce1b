import ClusterModel
import MariaDB

/// The columns of an operation, which `work_queue` and `finished_operations` share.
///
/// INSERT, SELECT and the copy into history are made from these lists, and a test compares them with the tables: a
/// column that one of them forgot would silently be NULL in history.
package enum OperationColumns {
    /// The columns that a request fills.
    static let requested: [SQL] = [
        "id", "kind", "tasks", "queue_name", "lane", "network", "network_name", "node", "node_name", "interface",
        "parameters", "depends_on", "runs_after", "requester", "deadline", "max_attempts", "retry_of", "coalesce_key",
        "exclusive_key", "state", "unmet", "enqueued_at", "ready_at",
    ]
    /// The columns that tell what has happened since.
    static let progress: [SQL] = [
        "deliveries", "failures", "defer_count", "session", "folded_into", "cancel_requested_at", "cancel_requester",
        "worker_node", "worker_pid", "claimed_at", "started_at", "waited", "folded_at", "unfolded_at", "unfolded_from",
        "attempt_history",
    ]
    /// The columns of `finished_operations` alone.
    static let end: [SQL] = ["finished_at", "error", "result", "result_omitted"]
    /// The columns of `work_queue` alone, which mean nothing once an operation has ended.
    static let live: [SQL] = ["ready_set_at", "first_task", "lookup_key"]

    /// The columns that a value of another column stands for: a queue's name ends with its lane.
    private static let derived: Set<SQL> = ["lane"]

    /// The documents that are read in bounds, by column.
    private static let documents = Dictionary(
        uniqueKeysWithValues: [
            Operation.Document.parameters, .dependsOn, .runsAfter, .history, .error, .result,
        ].map { ($0.column, $0.columns) }
    )

    /// Since when a row of `work_queue` could run, the last time it could: what comes back without a pause keeps its
    /// `ready_at`, and so its place, and did not wait while a worker had it.
    static let couldRunSince: SQL = "GREATEST(ready_at, ready_set_at)"

    /// Returns `waited` as it is once a waiting operation has started, or was folded, at a moment.
    ///
    /// No wait is negative, although the database's clock may have been set back.
    static func waited(until moment: SQL) -> SQL {
        "waited + GREATEST(0, TIMESTAMPDIFF(MICROSECOND, \(sql: couldRunSince), \(sql: moment)))"
    }

    /// Returns the wait of a row of `finished_operations`; NULL for one that never started, which has none.
    static let finishedWait: SQL = "IF(started_at IS NULL, NULL, waited)"

    /// Returns a list of columns as a statement has it.
    static func list(_ columns: [SQL]) -> SQL { .joined(columns, separator: ", ") }

    /// Returns the list of a SELECT for `Operation.init(row:)`.
    static func selection(_ columns: [SQL]) -> SQL {
        list(columns.filter { !derived.contains($0) }.map { documents[$0] ?? $0 })
    }
}
