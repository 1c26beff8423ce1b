import ClusterModel
import MariaDB

/// The one statement that shows the cluster at a glance; no part of it grows with the backlog or the history.
///
/// One statement is one round trip without a connection that takes several at once, which would open a door to
/// injection.
package enum StatusStatements {
    /// The number at which counting in a queue of `any` or of the elected node stops: one that is full took 0.3 ms with
    /// the rest of its queue, an empty queue 0.13 ms.
    package static let countedInQueue = 1000
    /// Entries of the nodes' own queues that are counted together.
    package static let countedInNodes = 5000
    /// Ended operations whose waits are summed up.
    private static let waitSample = 1000
    /// Names that a list holds.
    package static let named = 20
    /// As many as there are VNIs.
    ///
    /// The limit makes the server judge each network once; without one it would merge the inner SELECT into the outer
    /// and judge each for every use of the verdict (6 ms for 105 networks instead of 3).
    private static let everyNetwork = 16_777_215
    /// Three samples that did not come.
    private static let staleAfterSeconds = 30

    /// Reads the rows of the statement.
    package static func rows(on session: borrowing Session) throws -> [StatusRow] {
        try session.query(statusQuery).map { try StatusRow($0) }
    }

    // MARK: The statement

    package static var statusQuery: SQL { .joined(branches, separator: " UNION ALL ") }

    private static var branches: [SQL] {
        [now, leader] + sharedQueues.map(queue) + [
            lanesOfNodes, waits, pauses, pauseRules, nodes, held, sessions, networks, problems, processes,
        ]
    }

    /// The queues that are no node's own.
    static let sharedQueues = Lane.allCases.flatMap { lane in
        [QueueTarget.any, .networkNode].map { QueueName($0, lane) }
    }

    /// The time, and where it is read: a schema of a server, by its host and its port, or its socket if it has no port.
    private static let now: SQL = """
        SELECT 'now' AS subject,
            CONVERT(CONCAT(@@hostname, ':', IF(@@skip_networking, @@socket, @@port), ' ', DATABASE()) USING utf8mb4)
                AS name,
            0 AS a, 0 AS b, 0 AS c, 0 AS d, 0 AS e, NOW(6) AS at
        """

    private static let leader: SQL = """
        (SELECT 'leader', IF(holder IS NOT NULL AND \(sql: LeaseTime.runs()), holder_node, NULL), term,
            TIMESTAMPDIFF(MICROSECOND, NOW(6), expires_at), 0, 0, 0, NULL
        FROM leases WHERE name = \(ElectedLease.networkNode))
        """

    private static func queue(_ queue: QueueName) -> SQL {
        func count(_ condition: SQL) -> SQL {
            """
            (SELECT COUNT(*) FROM (
                SELECT 1 FROM work_queue FORCE INDEX (claim)
                WHERE queue_name = \(queue) AND \(sql: condition) LIMIT \(countedInQueue)) AS counted)
            """
        }
        return """
            SELECT 'queue', \(queue.lane), \(sql: count("state = 'queued' AND ready_at <= NOW(6)")),
                \(sql: count("state = 'queued' AND ready_at > NOW(6)")), \(sql: count("state = 'blocked'")),
                \(sql: count("state = 'executing'")), 0,
                (SELECT MIN(ready_at) FROM work_queue FORCE INDEX (claim)
                WHERE queue_name = \(queue) AND state = 'queued' AND ready_at <= NOW(6))
            """
    }

    /// The queues of the nodes are many and short: they are walked through together.
    private static let lanesOfNodes: SQL = """
        (SELECT 'lane', SUBSTRING_INDEX(queue_name, '-', -1) AS lane,
            COUNT(IF(state = 'queued' AND ready_at <= NOW(6), 1, NULL)),
            COUNT(IF(state = 'queued' AND ready_at > NOW(6), 1, NULL)),
            COUNT(IF(state = 'blocked', 1, NULL)), COUNT(IF(state = 'executing', 1, NULL)), COUNT(*),
            MIN(IF(state = 'queued' AND ready_at <= NOW(6), ready_at, NULL))
        FROM (
            SELECT queue_name, state, ready_at FROM work_queue FORCE INDEX (claim)
            WHERE queue_name NOT IN (\(list: sharedQueues)) LIMIT \(countedInNodes)) AS walked
        GROUP BY lane)
        """

    private static let waits: SQL = """
        (SELECT 'wait', lane, CAST(FLOOR(LOG2(wait + 1) * \(WaitHistogram.classesPerDoubling)) AS SIGNED) AS class,
            COUNT(*), CAST(MAX(wait) AS SIGNED), 0, 0, NULL
        FROM (
            SELECT lane, \(sql: OperationColumns.finishedWait) AS wait
            FROM finished_operations FORCE INDEX (finished_by_end)
            ORDER BY finished_at DESC LIMIT \(waitSample)) AS ended
        WHERE wait IS NOT NULL
        GROUP BY lane, class)
        """

    private static let pauses: SQL = "SELECT 'pauses', NULL, COUNT(*), 0, 0, 0, 0, NULL FROM queue_pauses"

    /// The processes of each daemon on each database server; the name is the daemon's and the server's.
    ///
    /// The inner SELECT judges each lease once, and makes one name for each group.
    private static let sessions: SQL = """
        SELECT 'session', CONCAT_WS(\(listSeparator), daemon, server), running, found - running, 0, 0, 0, NULL
        FROM (
            SELECT daemon, server, COUNT(*) AS found, COUNT(IF(\(sql: LeaseTime.runs()), 1, NULL)) AS running
            FROM sessions WHERE dead = FALSE GROUP BY daemon, server) AS counted
        """

    /// The networks, by the same rule as `Convergence` and `DataPlaneFindings`.
    ///
    /// A network has converged with the mesh on every node that may be elected or hosts a guest, the server, and the
    /// egress where there is one, under the term that runs now. It is served when the elected node has a server and
    /// egress for it, of whatever generation.
    private static let networks: SQL = """
        SELECT 'networks', CONCAT_WS(\(listSeparator), \(sql: names("NOT converged", "name")),
                \(sql: names("NOT served", "name"))),
            COUNT(*), COUNT(IF(converged, 1, NULL)), COUNT(IF(served, NULL, 1)), 0, 0, NULL
        FROM (
            SELECT w.name,
                \(sql: ConvergenceStatements.isServed(since: "0")) AS served,
                \(sql: ConvergenceStatements.isServed(since: "w.generation"))
                AND \(sql: ConvergenceStatements.isMeshed)
                AND NOT \(sql: losesPackets) AND NOT \(sql: hasFailedCheck) AS converged
            FROM networks AS w LIMIT \(everyNetwork)) AS judged
        """

    /// An egress without the external bridge has the cause of a check, and counts as that.
    private static let problems: SQL = """
        SELECT 'problems', NULL, (SELECT COUNT(*) FROM network_problems AS p
                WHERE p.what <> \(AppliedPart.egress) OR NOT EXISTS (SELECT 1 FROM data_plane_checks AS c
                    WHERE c.node = p.node AND c.what = \(DataPlaneCheck.externalBridge) AND c.state = 'failed'
                        AND \(sql: DataPlaneStatements.hasNetnode("c.node"))))
            + (SELECT COUNT(*) FROM mesh_reachability AS r
                WHERE \(sql: DataPlaneStatements.hasNetnode("r.from_node"))
                    AND \(sql: DataPlaneStatements.hasNetnode("r.to_node")))
            + (SELECT COUNT(*) FROM data_plane_checks AS c
                WHERE c.state = 'failed' AND \(sql: DataPlaneStatements.hasNetnode("c.node"))),
            0, 0, 0, 0, NULL
        """

    /// The processes that are supervised, by those that still sample them.
    ///
    /// The unhealthy ones are named in the order of what is shown, by its number: the server evaluates an expression to
    /// sort by for all of them, which took three times as long for 5,000.
    private static let processes: SQL = """
        SELECT 'processes',
            GROUP_CONCAT(
                IF(p.health = 'unhealthy',
                    CONCAT((SELECT n.name FROM nodes AS n WHERE n.id = p.node), '/', p.service), NULL)
                ORDER BY 1 SEPARATOR ',' LIMIT \(named)),
            COUNT(*), COUNT(IF(p.state = 'running', 1, NULL)), COUNT(IF(p.health = 'unhealthy', 1, NULL)),
            COUNT(IF(p.sampled_at < NOW(6) - INTERVAL \(staleAfterSeconds) SECOND, 1, NULL)), 0, NULL
        FROM supervised_processes AS p
            JOIN sessions AS s ON s.id = p.session AND \(sql: LeaseTime.isLive("s."))
        """
}
