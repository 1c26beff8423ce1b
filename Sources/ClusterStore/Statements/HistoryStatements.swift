import ClusterModel
import DatabaseTime
import MariaDB

/// The statements by which history is forgotten.
package enum HistoryStatements {
    /// Operations forgotten by one transaction: few locks, which nobody waits for, and little undo.
    package static let batch = 500

    /// Locks the oldest of the operations that ended before `moment`, leaving what somebody else holds.
    ///
    /// `moment` is a value, not the server's clock: that has been compared with another one.
    package static func lockOutlived(
        endedBefore moment: Timestamp,
        limit: Int,
        in transaction: borrowing Transaction
    ) throws -> [OperationID] {
        try transaction.query(outlivedQuery(endedBefore: moment, limit: limit)).map { try $0.only() }
    }

    package static func outlivedQuery(endedBefore moment: Timestamp, limit: Int) -> SQL {
        """
        SELECT id FROM finished_operations FORCE INDEX (finished_by_end)
        WHERE finished_at < \(moment)
        ORDER BY finished_at LIMIT \(limit)
        FOR UPDATE SKIP LOCKED
        """
    }

    /// Forgets locked operations, with all that is known of them elsewhere.
    package static func delete(_ ids: [OperationID], in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.delete(from: "finished_operations", by: "id", ids)
        try OutputStatements.delete(of: ids, in: transaction)
        try transaction.delete(from: "adoptions", by: "operation", ids, index: "adoptions_of")
        try transaction.delete(from: "operation_labels", by: "operation", ids)
        try transaction.delete(from: "retries", by: "operation", ids)
        try transaction.delete(
            from: "aborted_dependents",
            by: "dependent",
            ids,
            index: "aborted_dependents_by_dependent"
        )
    }

    // MARK: The allowance

    /// Makes the row of the allowance, which allows nothing yet; one that is there stays as it is.
    package static func createAllowance(in transaction: borrowing Transaction) throws(DatabaseError) {
        guard try transaction.query("SELECT 1 FROM history_allowance WHERE id = 1").isEmpty else { return }
        try transaction.execute(
            """
            INSERT INTO history_allowance (id, began_at, operations) VALUES (1, '1970-01-01', 0)
            ON DUPLICATE KEY UPDATE id = id
            """
        )
    }

    /// Locks what may still be forgotten; nil when somebody else is just forgetting.
    package static func lockAllowance(in transaction: borrowing Transaction) throws -> HistoryAllowance? {
        try transaction.query(
            "SELECT began_at, operations FROM history_allowance WHERE id = 1 FOR UPDATE SKIP LOCKED"
        ).first.map { row in
            HistoryAllowance(beganAt: try row.get("began_at"), operations: try row.get("operations"))
        }
    }

    /// Writes down what is left of a locked allowance.
    package static func write(
        _ allowance: HistoryAllowance,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            UPDATE history_allowance SET began_at = \(allowance.beganAt), operations = \(allowance.operations)
            WHERE id = 1
            """
        )
    }

    /// The number at which operations are counted no further, and the server's own estimate is taken: 3 ms.
    private static let counted = 10_000

    /// Returns the number of operations that history holds: exactly, or by the server's estimate where they are many.
    package static func size(in transaction: borrowing Transaction) throws -> Int {
        let exact: Int = try transaction.query(
            """
            SELECT COUNT(*) FROM (SELECT 1 FROM finished_operations FORCE INDEX (finished_by_end) LIMIT \(counted)) AS some
            """
        )[0].only()
        guard exact == counted else { return exact }
        let estimate: Int? = try transaction.query(
            """
            SELECT CAST(table_rows AS SIGNED) FROM information_schema.tables
            WHERE table_schema = DATABASE() AND table_name = 'finished_operations'
            """
        ).first?.only()
        return max(exact, estimate ?? 0)
    }
}
