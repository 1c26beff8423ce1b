import ClusterModel
import MariaDB

/// The statements on operations that are retried, and on those that were aborted with them.
package enum RetryStatements {
    /// A retry that was recorded.
    package struct Retry: Sendable, Hashable {
        package let operation: OperationID
        package let retriedAs: OperationID

        package init(operation: OperationID, retriedAs: OperationID) {
            self.operation = operation
            self.retriedAs = retriedAs
        }
    }

    /// Locks ended operations in share mode, ascending, so that history keeps them until COMMIT.
    ///
    /// - Returns: Those that are there.
    package static func hold(_ ids: [OperationID], in transaction: borrowing Transaction) throws -> Set<OperationID> {
        Set(try ids.sorted().inLists { ids in try transaction.query(holdQuery(ids)).map { try $0.only() } })
    }

    package static func holdQuery(_ ids: [OperationID]) -> SQL {
        """
        SELECT id FROM finished_operations FORCE INDEX (PRIMARY)
        WHERE id IN (\(list: ids)) ORDER BY id
        LOCK IN SHARE MODE
        """
    }

    /// Records retries, in ascending order of the old operations, so that two who retry the same do not deadlock.
    ///
    /// - Throws: 1062 on `PRIMARY` when one was retried before.
    package static func record(
        _ retries: [Retry],
        requester: String,
        on session: borrowing Session
    ) throws(DatabaseError) {
        try insert(retries, requester, "", on: session)
    }

    /// Records retries of operations that may have been retried before; the last one counts.
    package static func replace(
        _ retries: [Retry],
        requester: String,
        on session: borrowing Session
    ) throws(DatabaseError) {
        try insert(
            retries,
            requester,
            """
            ON DUPLICATE KEY UPDATE retried_as = VALUE(retried_as), requester = VALUE(requester),
                retried_at = VALUE(retried_at)
            """,
            on: session
        )
    }

    private static func insert(
        _ retries: [Retry],
        _ requester: String,
        _ ifThere: SQL,
        on session: borrowing Session
    ) throws(DatabaseError) {
        try session.execute(together: retries.sorted { $0.operation < $1.operation }) { retry in
            "(\(retry.operation), \(retry.retriedAs), \(requester), NOW(6))"
        } in: { rows in
            "INSERT INTO retries (operation, retried_as, requester, retried_at) VALUES \(sql: rows) \(sql: ifThere)"
        }
    }

    /// The operations as which some were retried, by the old one.
    package static func retries(
        ofAll operations: [OperationID],
        on session: borrowing Session
    ) throws -> [OperationID: OperationID] {
        let pairs = try operations.inLists { ids in
            try session.query("SELECT operation, retried_as FROM retries WHERE operation IN (\(list: ids))")
                .map { try $0.decode((OperationID, OperationID).self) }
        }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }

    // MARK: Aborted dependents

    /// Records the dependency because of which each operation is aborted; in the transaction that does so.
    package static func recordAborted(
        _ aborted: [(dependency: OperationID, dependent: OperationID)],
        on session: borrowing Session
    ) throws(DatabaseError) {
        try session.execute(together: aborted) {
            "(\($0.dependency), \($0.dependent))"
        } in: { rows in
            "INSERT INTO aborted_dependents (dependency, dependent) VALUES \(sql: rows)"
        }
    }

    /// The operations that were aborted because one of some did not complete, at most so many.
    package static func aborted(
        with dependencies: [OperationID],
        limit: Int,
        on session: borrowing Session
    ) throws -> [OperationID] {
        try dependencies.inLists { ids in
            try session.query(
                """
                SELECT dependent FROM aborted_dependents FORCE INDEX (PRIMARY)
                WHERE dependency IN (\(list: ids)) LIMIT \(limit)
                """
            ).map { try $0.only() }
        }
    }
}
