import ClusterModel
import DatabaseTime
import MariaDB

/// The statement that finds what has happened lately.
package enum EventStatements {
    /// Operations found in each of four places, the newest first: a busy second of a large cluster.
    package static let mostFound = 2000

    /// Operations that were enqueued, started or ended since a moment.
    ///
    /// An attempt that failed and waits to be tried again is told with its next start: no index leads to it.
    package static func touched(since: Timestamp, on session: borrowing Session) throws -> [OperationID] {
        let found = try session.query(touchedQuery(since: since)).map { try $0.only(OperationID.self) }
        return Array(Set(found))
    }

    package static func touchedQuery(since: Timestamp) -> SQL {
        """
        (SELECT id FROM work_queue FORCE INDEX (work_by_age)
        WHERE enqueued_at >= \(since) ORDER BY enqueued_at DESC LIMIT \(mostFound))
        UNION
        (SELECT id FROM work_queue FORCE INDEX (work_by_session)
        WHERE session IS NOT NULL AND started_at >= \(since) LIMIT \(mostFound))
        UNION
        (SELECT id FROM finished_operations FORCE INDEX (finished_list)
        WHERE enqueued_at >= \(since) ORDER BY enqueued_at DESC LIMIT \(mostFound))
        UNION
        (SELECT id FROM finished_operations FORCE INDEX (finished_by_end)
        WHERE finished_at >= \(since) ORDER BY finished_at DESC LIMIT \(mostFound))
        """
    }
}
