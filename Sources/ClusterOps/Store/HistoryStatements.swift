import MariaDB

/// The statements by which history is forgotten.
enum HistoryStatements {
    /// Operations forgotten by one transaction: few locks, which nobody waits for, and little undo.
    static let batch = 500

    /// Locks the oldest of the operations whose time in history is over, leaving what somebody else is just forgetting.
    static func lockOutlived(_ retention: Duration, in transaction: borrowing Transaction) throws -> [OperationID] {
        try transaction.query(outlivedQuery(retention)).map { try $0.only() }
    }

    static func outlivedQuery(_ retention: Duration) -> SQL {
        """
        SELECT id FROM finished_operations FORCE INDEX (finished_by_end)
        WHERE finished_at < NOW(6) - INTERVAL \(retention.wholeMicroseconds) MICROSECOND
        ORDER BY finished_at LIMIT \(batch)
        FOR UPDATE SKIP LOCKED
        """
    }

    /// Forgets locked operations, and who adopted them; one by one in a round trip each, as `EndingStatements.delete` does.
    static func delete(_ ids: [OperationID], in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.executeBatch(ids.sorted()) { "DELETE FROM finished_operations WHERE id = \($0)" }
        try transaction.executeBatch(ids.sorted()) { "DELETE FROM adoptions WHERE operation = \($0)" }
    }
}
