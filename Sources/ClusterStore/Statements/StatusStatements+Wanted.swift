import ClusterModel
import MariaDB

/// The parts of the status in which what runs is held against what is wanted.
extension StatusStatements {
    /// Separates the lists of names of one row; no name has it.
    package static let listSeparator = "|"

    /// The nodes, with those that lack a process: any, a queueworker where the node takes new work, a netnode.
    static let nodes: SQL = """
        SELECT 'nodes', CONCAT_WS(\(listSeparator), \(sql: names("l.node IS NULL", "n.name")),
                \(sql: names("n.state = 'active' AND NOT COALESCE(l.has_queueworker, FALSE)", "n.name")),
                \(sql: names("NOT COALESCE(l.has_netnode, FALSE)", "n.name"))),
            COUNT(*), COUNT(l.node), COUNT(IF(n.state = 'draining', 1, NULL)),
            COUNT(IF(n.state = 'active' AND NOT COALESCE(l.has_queueworker, FALSE), 1, NULL)),
            COUNT(IF(COALESCE(l.has_netnode, FALSE), NULL, 1)), NULL
        FROM nodes AS n
            LEFT JOIN (
                SELECT node, MAX(daemon = \(DaemonName.queueworker)) AS has_queueworker,
                    MAX(daemon = \(DaemonName.netnode)) AS has_netnode
                FROM sessions WHERE \(sql: LeaseTime.isLive()) GROUP BY node ORDER BY NULL) AS l
            ON l.node = n.id
        """

    /// The nodes that are drained while operations wait for them; only their queues are looked into.
    static let held: SQL = """
        SELECT 'held', \(sql: names("TRUE", "n.name")), COUNT(*), 0, 0, 0, 0, NULL
        FROM nodes AS n
        WHERE n.state = 'draining' AND (\(sql: .joined(queuesOfNode.map(hasReadyWork), separator: " OR ")))
        """

    /// The rules that pause queues, the first ones by pattern; `a` tells whether there is a queue that one matches.
    static let pauseRules: SQL = """
        (SELECT 'pause', JSON_OBJECT('pattern', pattern, 'reason', reason, 'requester', requester),
            \(sql: .joined(sharedQueues.map { QueueStatements.matches("\($0)") }, separator: " OR "))
                OR EXISTS (
                    SELECT 1 FROM nodes AS n
                    WHERE \(sql: .joined(queuesOfNode.map { QueueStatements.matches($0) }, separator: " OR "))),
            0, 0, 0, 0, paused_at
        FROM queue_pauses ORDER BY pattern LIMIT \(named))
        """

    /// The names of the queues of a node `n`.
    private static let queuesOfNode: [SQL] = Lane.allCases.flatMap { lane -> [SQL] in
        ["CONCAT(n.name, '-', \(lane))", "CONCAT(n.name, '-network-', \(lane))"]
    }

    /// Returns a condition; a scalar, because the server turns a lone EXISTS into a join that reads all queues.
    private static func hasReadyWork(_ queue: SQL) -> SQL {
        """
        (SELECT 1 FROM work_queue FORCE INDEX (claim)
        WHERE queue_name = \(sql: queue) AND state = 'queued' AND ready_at <= NOW(6) LIMIT 1) IS NOT NULL
        """
    }

    /// Returns the first of some names as a list; empty without any.
    static func names(_ condition: SQL, _ name: SQL) -> SQL {
        """
        COALESCE(GROUP_CONCAT(IF(\(sql: condition), \(sql: name), NULL)
            ORDER BY \(sql: name) SEPARATOR ' ' LIMIT \(named)), '')
        """
    }
}
