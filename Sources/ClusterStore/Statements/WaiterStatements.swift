import ClusterModel
import MariaDB

/// The statements on who waits for the end of operations.
package enum WaiterStatements {
    /// Enters a waiter, or lets it stay for longer.
    package static func register(
        _ operations: [OperationID],
        doorbell: HostPort,
        for duration: Duration,
        on session: borrowing Session
    ) throws(DatabaseError) {
        // In the order of the key, so that two waiters cannot deadlock.
        try session.executeBatch(operations.sorted()) { operation in
            """
            INSERT INTO operation_waiters (operation, doorbell, expires_at)
            VALUES (\(operation), \(doorbell.description), NOW(6) + INTERVAL \(duration.wholeMicroseconds) MICROSECOND)
            ON DUPLICATE KEY UPDATE expires_at = VALUE(expires_at)
            """
        }
    }

    package static func remove(
        _ waiters: [Waiter],
        on session: borrowing Session
    ) throws(DatabaseError) {
        // In the order of the key, as above.
        let sorted = waiters.sorted { ($0.operation, $0.doorbell) < ($1.operation, $1.doorbell) }
        try session.executeBatch(sorted) { waiter in
            """
            DELETE FROM operation_waiters
            WHERE operation = \(waiter.operation) AND doorbell = \(waiter.doorbell)
            """
        }
    }

    /// Somebody who waits for the end of an operation.
    package struct Waiter: Sendable, Hashable {
        package let operation: OperationID
        /// As it is stored; one that does not parse is nobody's.
        package let doorbell: String

        package init(operation: OperationID, doorbell: String) {
            self.operation = operation
            self.doorbell = doorbell
        }
    }

    /// Reads who waits for one of the operations; also those who have not said so for long, until they are swept,
    /// because the clock by which they would be told apart may have been set.
    package static func waiters(
        for operations: [OperationID],
        on session: borrowing Session
    ) throws -> [Waiter] {
        try operations.inLists { operations in
            try session.query(waitersQuery(for: operations)).map { row in
                Waiter(operation: try row.get("operation"), doorbell: try row.get("doorbell"))
            }
        }
    }

    package static func waitersQuery(for operations: [OperationID]) -> SQL {
        """
        SELECT operation, doorbell FROM operation_waiters FORCE INDEX (PRIMARY)
        WHERE operation IN (\(list: operations))
        """
    }

    /// Forgets waiters that are gone without a word.
    ///
    /// Read first, without a lock, and deleted by key, because a walk along the other index would meet a renewal the
    /// wrong way round.
    package static func sweep(on session: borrowing Session) throws {
        let expired = try session.query(
            """
            SELECT operation, doorbell FROM operation_waiters FORCE INDEX (waiters_by_expiry)
            WHERE expires_at < NOW(6) ORDER BY expires_at LIMIT \(mostSweptAtOnce)
            """
        ).map { try $0.decode((OperationID, String).self) }
        try session.executeBatch(expired) { operation, doorbell in
            """
            DELETE FROM operation_waiters
            WHERE operation = \(operation) AND doorbell = \(doorbell) AND expires_at < NOW(6)
            """
        }
    }

    /// Rows swept at once: what a command that waited for its most operations and was killed has left.
    private static let mostSweptAtOnce = 1000
}
