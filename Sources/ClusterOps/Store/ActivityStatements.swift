import MariaDB

/// The one statement that shows what the cluster does; like the status that it contains, it does not grow with the backlog or
/// the history.
enum ActivityStatements {
    /// Ended operations among which failures are looked for.
    private static let examinedEnds = 2000
    /// Executing operations that are looked at: 300 nodes with 16 slots.
    private static let examinedRuns = 5000
    /// Rows of each list: more than a screen has lines.
    private static let listed = 200
    /// The time over which ended operations are counted.
    private static let rateSeconds = 10
    /// Characters of an error: the width of a screen.
    private static let messageLength = 300

    private enum Subject: String {
        case rate, running, failure, node
    }

    static func activity(on session: borrowing Session) throws -> ClusterActivity {
        var draft = ActivityDraft()
        for row in try session.query(activityQuery) { try draft.take(row) }
        return draft.activity
    }

    // MARK: The statement

    static var activityQuery: SQL {
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
            TIMESTAMPDIFF(MICROSECOND, s.seen, NOW(6)), 0, NULL
        FROM nodes AS n
            LEFT JOIN (
                SELECT node, COUNT(IF(\(sql: LeaseTime.isLive()), 1, NULL)) AS live, MAX(renewed_at) AS seen
                FROM sessions GROUP BY node) AS s ON s.node = n.id
            LEFT JOIN (
                SELECT o.node, COUNT(*) AS running
                FROM work_queue AS q FORCE INDEX (work_by_session) JOIN sessions AS o ON o.id = q.session
                WHERE q.session IS NOT NULL GROUP BY o.node) AS w ON w.node = n.id
        ORDER BY COALESCE(s.live, 0) = 0 DESC, n.state = 'draining' DESC, COALESCE(w.running, 0) DESC, n.name
        LIMIT \(listed))
        """

    // MARK: Its answer

    /// What a row says about an operation.
    private struct Described: Codable, Sendable {
        let id: OperationID
        let tasks: [TaskName]
        let queue: QueueName
        let node: NodeName?
        let message: String?
    }

    /// What the rows seen so far make of the activity.
    private struct ActivityDraft {
        private var status = StatusStatements.StatusDraft()
        private var ended: [(lane: Lane, count: Int, oldest: Timestamp)] = []
        private var running: [ClusterActivity.RunningOperation] = []
        private var failures: [ClusterActivity.FailedOperation] = []
        private var nodes: [ClusterActivity.NodeActivity] = []

        mutating func take(_ row: Row) throws {
            if try status.take(row) { return }
            guard let subject = Subject(rawValue: try row.get("subject")) else {
                preconditionFailure("the statement names its subjects")
            }
            let (a, b): (Int, Int) = (try row.get("a"), try row.get("b"))
            switch subject {
            case .rate: ended.append((try row.get("name"), a, try row.get("at")))
            case .running:
                // One row that cannot be decoded must not darken the screen; `op list` names it.
                guard let it = try? row.get("name", as: JSONColumn<Described>.self).value else { return }
                running.append(
                    ClusterActivity.RunningOperation(
                        id: it.id,
                        tasks: it.tasks,
                        queue: it.queue,
                        node: it.node,
                        seconds: Self.seconds(b),
                        isCancelRequested: a != 0
                    )
                )
            case .failure:
                guard let it = try? row.get("name", as: JSONColumn<Described>.self).value else { return }
                failures.append(
                    ClusterActivity.FailedOperation(
                        id: it.id,
                        state: a != 0 ? .aborted : .error,
                        tasks: it.tasks,
                        queue: it.queue,
                        node: it.node,
                        secondsAgo: Self.seconds(b),
                        message: it.message ?? ""
                    )
                )
            case .node:
                nodes.append(
                    ClusterActivity.NodeActivity(
                        name: try row.get("name"),
                        liveProcesses: a,
                        running: b,
                        isDraining: try row.get("c", as: Int.self) != 0,
                        seenSecondsAgo: try row.get("d", as: Int?.self).map(Self.seconds)
                    )
                )
            }
        }

        private static func seconds(_ microseconds: Int) -> Double { Double(microseconds) / 1_000_000 }

        var activity: ClusterActivity {
            let status = status.view
            let counted = ended.reduce(0) { $0 + $1.count }
            // When counting has stopped at its limit, all that was counted ended since the oldest of it.
            let oldest = ended.map(\.oldest).min().map { status.seenAt.seconds(since: $0) }
            let span = counted < examinedEnds ? Double(rateSeconds) : max(oldest ?? 0, 0.001)
            return ClusterActivity(
                status: status,
                endedPerSecond: Dictionary(uniqueKeysWithValues: ended.map { ($0.lane, Double($0.count) / span) }),
                running: running,
                failures: failures,
                nodes: nodes
            )
        }
    }
}
