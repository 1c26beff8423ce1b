import ClusterModel
import MariaDB

/// The statements that mend what a clock which was set back has left in the future.
///
/// `ready_set_at` is when `ready_at` was last decided. Later than now it can only be because the clock has been set
/// back since; the time that the operation was to wait is what lies between the two.
package enum ClockStatements {
    /// Waiting operations whose wait was decided at a time that is still to come, without a lock.
    package static func ahead(limit: Int, on session: borrowing Session) throws -> [OperationID] {
        try session.query(aheadQuery(limit: limit)).map { try $0.only() }
    }

    /// A range of an index that is empty unless the clock has been set back.
    package static func aheadQuery(limit: Int) -> SQL {
        """
        SELECT id FROM work_queue FORCE INDEX (work_by_ready_set)
        WHERE ready_set_at > NOW(6) + \(sql: LeaseTime.tolerance) AND state IN ('queued', 'blocked')
        LIMIT \(limit)
        """
    }

    /// Locks those of them that still are; what somebody else is just mending, or claiming, is none of them afterwards.
    package static func lockAhead(
        _ ids: [OperationID],
        ifHeld held: RowLock,
        in transaction: borrowing Transaction
    ) throws -> [OperationID] {
        try transaction.query(
            """
            SELECT id FROM work_queue FORCE INDEX (PRIMARY)
            WHERE id IN (\(list: ids)) AND ready_set_at > NOW(6) + \(sql: LeaseTime.tolerance)
                AND state IN ('queued', 'blocked')
            ORDER BY id
            FOR UPDATE \(sql: held.clause)
            """
        ).map { try $0.only() }
    }

    /// Lets locked operations wait from now on, for as long as they were to wait: no delay becomes shorter than what
    /// was asked for.
    package static func pullBack(_ ids: [OperationID], in transaction: borrowing Transaction) throws {
        // From left to right: `ready_set_at` is still the old one in the first assignment.
        _ = try ids.inLists { ids in
            [
                try transaction.execute(
                    """
                    UPDATE work_queue FORCE INDEX (PRIMARY)
                    SET ready_at = NOW(6)
                            + INTERVAL GREATEST(0, TIMESTAMPDIFF(MICROSECOND, ready_set_at, ready_at)) MICROSECOND,
                        ready_set_at = NOW(6)
                    WHERE id IN (\(list: ids))
                    """
                )
            ]
        }
    }
}
