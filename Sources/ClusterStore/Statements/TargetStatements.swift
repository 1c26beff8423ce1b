import ClusterModel
import DatabaseTime
import MariaDB

/// The statements by which the exclusive targets are held and freed.
package enum TargetStatements {
    /// Takes a target for an operation that the caller has locked.
    ///
    /// It waits for no lock: a target that another worker has taken and not committed is a busy one, however long that
    /// worker stands still. One that is seen to be busy is not asked for, because the refusal would lock its row.
    /// - Returns: False when another operation of the target runs, or is just being started; then nothing changed.
    package static func take(
        _ key: String,
        for id: OperationID,
        in transaction: borrowing Transaction
    ) throws -> Bool {
        do {
            return try transaction.executeUnlessLocked(
                """
                SET STATEMENT innodb_lock_wait_timeout = 0 FOR
                INSERT INTO running_targets (exclusive_key, operation)
                SELECT \(key), \(id) FROM DUAL
                WHERE NOT EXISTS (SELECT 1 FROM running_targets WHERE exclusive_key = \(key))
                """
            ) == 1
        } catch {
            guard error.duplicateKey == "PRIMARY" else { throw error }
            return false
        }
    }

    /// Frees the targets of operations that the caller has locked.
    package static func free(by ids: [OperationID], in transaction: borrowing Transaction) throws(DatabaseError) {
        guard !ids.isEmpty else { return }
        try transaction.execute(
            """
            DELETE r FROM \(sql: OperationID.rows(of: ids)) AS e
                STRAIGHT_JOIN work_queue AS w FORCE INDEX (PRIMARY) ON w.id = e.id
                STRAIGHT_JOIN running_targets AS r FORCE INDEX (PRIMARY)
                ON r.exclusive_key = w.exclusive_key AND r.operation = w.id
            """
        )
    }

    /// A target, and the operation that is said to run on it.
    package struct Held: Sendable, Hashable {
        package let key: String
        package let operation: OperationID
    }

    /// Reads the targets that are held by nothing that runs, as after a hand has deleted rows of `work_queue`.
    ///
    /// A claim and the end of an attempt write both tables in one transaction, so no snapshot shows one without the
    /// other; and nobody else can take the target meanwhile.
    package static func forgotten(on session: borrowing Session) throws -> [Held] {
        try session.query(
            """
            SELECT r.exclusive_key, r.operation
            FROM running_targets AS r LEFT JOIN work_queue AS w FORCE INDEX (PRIMARY)
                ON w.id = r.operation AND w.state = 'executing' AND w.exclusive_key = r.exclusive_key
            WHERE w.id IS NULL
            """
        ).map { row in
            Held(key: try row.get("exclusive_key"), operation: try row.get("operation"))
        }
    }

    /// Frees a target that nothing holds.
    package static func free(_ held: Held, on session: borrowing Session) throws(DatabaseError) {
        try session.execute(
            "DELETE FROM running_targets WHERE exclusive_key = \(held.key) AND operation = \(held.operation)"
        )
    }

    /// The operation that runs on a target.
    package static func holder(of key: String, on session: borrowing Session) throws -> ExplanationFacts.Holder? {
        try session.query(
            """
            SELECT r.operation, w.started_at, w.worker_node, w.id IS NOT NULL AS is_running
            FROM running_targets AS r LEFT JOIN work_queue AS w FORCE INDEX (PRIMARY)
                ON w.id = r.operation AND w.state = 'executing'
            WHERE r.exclusive_key = \(key)
            """
        ).first.map { row in
            ExplanationFacts.Holder(
                id: try row.get("operation"),
                since: try row.get("started_at"),
                node: try? row.get("worker_node"),
                isRunning: try row.get("is_running")
            )
        }
    }
}
