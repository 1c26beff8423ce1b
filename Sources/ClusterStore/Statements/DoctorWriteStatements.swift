import ClusterModel
import MariaDB

/// The writes that `doctor` tries and takes back: one for each of the paths by which work goes.
///
/// Each runs in a transaction of its own that is rolled back; nobody sees what is not committed.
package enum DoctorWriteStatements {
    /// A path of work that can be tried.
    package enum Path: String, CaseIterable, Sendable {
        case enqueue = "enqueued"
        case claim = "claimed"
        case end = "ended"
        case renew = "renewed by their sessions"
        case elect = "run by an elected node"

        /// The rights that a user needs for it; a user whose role lacks them is to be neither refused nor noted in the
        /// server's log for it.
        package var rights: [DatabaseRight] {
            switch self {
            case .enqueue: [.insert("work_queue")]
            case .claim: [.update("work_queue", ["state"])]
            case .end: [.insert("finished_operations")]
            case .renew: [.insert("sessions"), .update("sessions", ["renewals", "renewed_at"])]
            case .elect: [.update("leases", ["touched"])]
            }
        }
    }

    /// Rows of 64 KiB that are written: a mebibyte is an extent of InnoDB, which a full disk has no room for, while
    /// one small row finds room in a page that is there.
    private static let rows = 16
    private static let document = "\"" + String(repeating: "x", count: 65_000) + "\""

    /// Writes by a path, to be rolled back.
    package static func attempt(_ path: Path, in transaction: borrowing Transaction) throws(DatabaseError) {
        switch path {
        case .enqueue: for _ in 0..<rows { try transaction.execute(enqueue) }
        case .claim: try transaction.execute("UPDATE work_queue SET state = state WHERE id = \(OperationID.new())")
        case .end: for _ in 0..<rows { try transaction.execute(end) }
        case .renew:
            try transaction.execute(open)
            try transaction.execute(
                "UPDATE sessions SET renewals = renewals + 1, renewed_at = NOW(6) WHERE id = \(SessionID.new())"
            )
        case .elect: try transaction.execute("UPDATE leases SET touched = touched + 1 WHERE name = ''")
        }
    }

    private static var enqueue: SQL {
        """
        INSERT INTO work_queue (id, kind, tasks, queue_name, lane, requester, max_attempts, parameters, state, unmet,
            enqueued_at, ready_at)
        VALUES (\(OperationID.new()), 'command', '["noop"]', 'any-background', 'background', 'doctor', 1, \(document),
            'queued', 0, NOW(6), NOW(6))
        """
    }

    private static var end: SQL {
        """
        INSERT INTO finished_operations (id, kind, tasks, queue_name, lane, requester, max_attempts, parameters, state,
            enqueued_at, ready_at, deliveries, failures, defer_count, finished_at)
        VALUES (\(OperationID.new()), 'command', '["noop"]', 'any-background', 'background', 'doctor', 1, \(document),
            'complete', NOW(6), NOW(6), 1, 0, 0, NOW(6))
        """
    }

    private static var open: SQL {
        """
        INSERT INTO sessions (id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
        VALUES (\(SessionID.new()), 'queueworker', \(NodeID.new()), 'doctor', 0, 1, NOW(6), NOW(6), NOW(6))
        """
    }
}
