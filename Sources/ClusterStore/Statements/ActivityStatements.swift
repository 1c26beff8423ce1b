import ClusterModel
import MariaDB

/// The one statement that shows what the cluster does; like the status that it contains, it does not grow with the
/// backlog or the history.
package enum ActivityStatements {
    /// Ended operations among which failures are looked for.
    package static let examinedEnds = 2000
    /// Executing operations that are looked at: 300 nodes with 16 slots.
    private static let examinedRuns = 5000
    /// Rows of each list: more than a screen has lines.
    private static let listed = 200
    /// The time over which ended operations are counted.
    package static let rateSeconds = 10
    /// Characters of an error: the width of a screen.
    private static let messageLength = 300

    /// Reads the rows of the status and of what happens at this moment, in one statement.
    package static func rows(on session: borrowing Session) throws -> [StatusRow] {
        try session.query(activityQuery).map { try StatusRow($0) }
    }

    // MARK: The statement

    package static var activityQuery: SQL {
        .joined([StatusStatements.statusQuery, rates, running, failures, nodes], separator: " UNION ALL ")
    }

    private static let rates: SQL = """
        (SELECT 'rate', lane, COUNT(*), 0, 0, 0, 0, MIN(finished_at)
        FROM (
            SELECT lane, finished_at FROM finished_operations FORCE INDEX (finished_by_end)
            WHERE finished_at > NOW(6) - INTERVAL \(rateSeconds) SECOND
            ORDER BY finished_at DESC LIMIT \(examinedEnds)) AS ended
        GROUP BY lane)
        """

    private static let running: SQL = """
        (SELECT 'running', JSON_OBJECT('id', id, 'tasks', JSON_EXTRACT(tasks, '$'), 'queue', queue_name, 'node', worker_node),
            cancel_requested_at IS NOT NULL, TIMESTAMPDIFF(MICROSECOND, since, NOW(6)), 0, 0, 0, NULL
        FROM (
            SELECT id, tasks, queue_name, worker_node, cancel_requested_at,
                COALESCE(started_at, claimed_at, ready_at) AS since
            FROM work_queue FORCE INDEX (work_by_session) WHERE session IS NOT NULL LIMIT \(examinedRuns)) AS runs
        ORDER BY since, id LIMIT \(listed))
        """

    private static let failures: SQL = """
        (SELECT 'failure', JSON_OBJECT('id', id, 'tasks', JSON_EXTRACT(tasks, '$'), 'queue', queue_name,
                'node', worker_node, 'message', LEFT(COALESCE(JSON_VALUE(error, '$.message'), ''), \(messageLength))),
            state = 'aborted', TIMESTAMPDIFF(MICROSECOND, finished_at, NOW(6)), 0, 0, 0, NULL
        FROM (
            SELECT id, tasks, queue_name, worker_node, state, error, finished_at
            FROM finished_operations FORCE INDEX (finished_by_end)
            ORDER BY finished_at DESC LIMIT \(examinedEnds)) AS ended
        WHERE state IN ('error', 'aborted') ORDER BY finished_at DESC, id LIMIT \(listed))
        """

    private static let nodes: SQL = """
        (SELECT 'node', n.name, COALESCE(s.live, 0), COALESCE(w.running, 0), n.state = 'draining',
            TIMESTAMPDIFF(MICROSECOND, s.seen, NOW(6)), COALESCE(s.daemons, 0), NULL
        FROM nodes AS n
            LEFT JOIN (
                SELECT node, COUNT(IF(\(sql: LeaseTime.isLive()), 1, NULL)) AS live, MAX(renewed_at) AS seen,
                    BIT_OR(IF(\(sql: LeaseTime.isLive()), IF(daemon = \(DaemonName.queueworker), 1, 2), 0)) AS daemons
                FROM sessions GROUP BY node) AS s ON s.node = n.id
            LEFT JOIN (
                SELECT o.node, COUNT(*) AS running
                FROM work_queue AS q FORCE INDEX (work_by_session) JOIN sessions AS o ON o.id = q.session
                WHERE q.session IS NOT NULL GROUP BY o.node) AS w ON w.node = n.id
        ORDER BY COALESCE(s.live, 0) = 0 DESC, COALESCE(s.daemons, 0) <> 3 DESC, n.state = 'draining' DESC,
            COALESCE(w.running, 0) DESC, n.name
        LIMIT \(listed))
        """
}
