import ClusterModel
import MariaDB

/// The statements by which operations end that nobody runs: cancelled, or past their deadline.
///
/// They read no more of a row than they need, so that one which cannot be decoded as a whole can still be ended.
package enum CancelStatements {
    /// An operation, as it stands under its lock.
    package struct Standing: Sendable, Hashable {
        package let state: OperationState
        package let session: SessionID?
        package let requester: String
    }

    /// Locks a live operation; nil when there is none of that id.
    package static func lock(_ id: OperationID, in transaction: borrowing Transaction) throws -> Standing? {
        try transaction.query(
            "SELECT state, session, requester FROM work_queue FORCE INDEX (PRIMARY) WHERE id = \(id) FOR UPDATE"
        ).first.map { row in
            Standing(
                state: try row.get("state"),
                session: try row.get("session"),
                requester: try row.get("requester")
            )
        }
    }

    /// Locks those of some live operations that are still selected, and whose end nobody has asked for.
    package static func lock(
        _ ids: [OperationID],
        selectedBy selector: OperationSelector,
        in transaction: borrowing Transaction
    ) throws -> [(id: OperationID, standing: Standing)] {
        let locked = try ids.inLists { ids in
            try transaction.query(lockQuery(ids, selectedBy: selector)).map { row -> (OperationID, Standing) in
                let standing = Standing(
                    state: try row.get("state"),
                    session: try row.get("session"),
                    requester: try row.get("requester")
                )
                return (try row.get("id"), standing)
            }
        }
        return locked.map { (id: $0.0, standing: $0.1) }
    }

    package static func lockQuery(_ ids: [OperationID], selectedBy selector: OperationSelector) -> SQL {
        """
        SELECT id, state, session, requester FROM work_queue FORCE INDEX (PRIMARY)
        WHERE id IN (\(list: ids)) AND \(sql: .joined(selector.conditions(of: .live, for: .cancel), separator: " AND "))
        ORDER BY id
        FOR UPDATE
        """
    }

    /// Writes down that somebody wants locked operations ended; the first request counts.
    package static func request(
        _ ids: [OperationID],
        by requester: String,
        in transaction: borrowing Transaction
    ) throws {
        // From left to right: the requester is set while the time is still the old one.
        _ = try ids.inLists { ids in
            [
                try transaction.execute(
                    """
                    UPDATE work_queue FORCE INDEX (PRIMARY)
                    SET cancel_requester = IF(cancel_requested_at IS NULL, \(requester), cancel_requester),
                        cancel_requested_at = COALESCE(cancel_requested_at, NOW(6))
                    WHERE id IN (\(list: ids))
                    """
                )
            ]
        }
    }

    /// Gives locked followers of a primary that does not do their work back to their queues.
    ///
    /// `ready_at` stays, and with it their places; their next wait begins now.
    package static func unfold(
        _ followers: [OperationID],
        from primary: OperationID,
        in transaction: borrowing Transaction
    ) throws {
        _ = try followers.inLists { ids in
            [
                try transaction.execute(
                    """
                    UPDATE work_queue FORCE INDEX (PRIMARY)
                    SET state = 'queued', folded_into = NULL, unfolded_at = NOW(6), unfolded_from = \(primary),
                        ready_set_at = NOW(6)
                    WHERE id IN (\(list: ids))
                    """
                )
            ]
        }
    }

    /// Operations that wait past their deadline, without a lock.
    package static func overdue(limit: Int, on session: borrowing Session) throws -> [OperationID] {
        try session.query(overdueQuery(limit: limit)).map { try $0.only() }
    }

    /// A range of the deadlines in the index: what has none is not walked through.
    package static func overdueQuery(limit: Int) -> SQL {
        """
        SELECT id FROM work_queue FORCE INDEX (work_by_lookup)
        WHERE lookup_key BETWEEN '@' AND CONCAT('@', NOW(6)) AND state IN ('queued', 'blocked')
        LIMIT \(limit)
        """
    }

    /// Locks those of the overdue that still are.
    package static func lockOverdue(
        _ ids: [OperationID],
        ifHeld held: RowLock,
        in transaction: borrowing Transaction
    ) throws -> [OperationID] {
        try transaction.query(
            """
            SELECT id FROM work_queue FORCE INDEX (PRIMARY)
            WHERE id IN (\(list: ids)) AND deadline <= NOW(6) AND state IN ('queued', 'blocked')
            ORDER BY id
            FOR UPDATE \(sql: held.clause)
            """
        ).map { try $0.only() }
    }
}
