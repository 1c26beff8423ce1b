import ClusterModel
import DatabaseTime
import MariaDB

/// The statements by which a benchmark finds what it has made, and nothing else.
package enum BenchStatements {
    /// Returns whether anything is live, whoever asked for it.
    package static func hasLiveOperations(on session: borrowing Session) throws -> Bool {
        try session.query("SELECT EXISTS(SELECT 1 FROM work_queue)")[0].only(Int.self) != 0
    }

    /// Live operations of a requester that were enqueued since a moment, newest first: workers take the oldest.
    package static func live(
        of requester: String,
        since begin: Timestamp,
        limit: Int,
        on session: borrowing Session
    ) throws -> [OperationID] {
        try session.query(liveQuery(of: requester, since: begin, limit: limit)).map { try $0.only(OperationID.self) }
    }

    package static func liveQuery(of requester: String, since begin: Timestamp, limit: Int) -> SQL {
        """
        SELECT id FROM work_queue FORCE INDEX (work_by_age)
        WHERE enqueued_at >= \(begin) AND requester = \(requester) ORDER BY enqueued_at DESC, id DESC LIMIT \(limit)
        """
    }

    /// Ended operations of a requester that were enqueued since a moment.
    package static func ended(
        of requester: String,
        since begin: Timestamp,
        on session: borrowing Session
    ) throws -> [BenchedOperation] {
        try session.query(endedQuery(of: requester, since: begin)).map { row in
            BenchedOperation(
                id: try row.get("id"),
                state: try row.get("state"),
                isFolded: try row.get("is_folded", as: Int.self) != 0,
                enqueuedAt: try row.get("enqueued_at"),
                startedAt: try row.get("started_at"),
                finishedAt: try row.get("finished_at")
            )
        }
    }

    package static func endedQuery(of requester: String, since begin: Timestamp) -> SQL {
        """
        SELECT id, state, folded_into IS NOT NULL AS is_folded, enqueued_at, started_at, finished_at
        FROM finished_operations FORCE INDEX (finished_list)
        WHERE enqueued_at >= \(begin) AND requester = \(requester)
        """
    }
}
