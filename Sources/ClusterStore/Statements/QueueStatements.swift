import ClusterModel
import DatabaseTime
import MariaDB

/// The statements that look at queues, at a cost that does not grow with the backlog.
package enum QueueStatements {
    /// The numbers of operations that a queue holds; each count stops at its limit.
    package struct Counts: Sendable {
        package let queue: QueueName
        package let queued: Int
        package let delayed: Int
        package let blocked: Int
        package let executing: Int
        package let oldestReadyAt: Timestamp?
        package let now: Timestamp
    }

    /// Counts the operations of some queues, each state up to a limit: at most `4 × limit` index entries a queue.
    package static func counts(of queues: [QueueName], limit: Int, on session: borrowing Session) throws -> [Counts] {
        guard !queues.isEmpty else { return [] }
        return try session.query(countsQuery(of: queues, limit: limit)).map(counts)
    }

    private static func counts(_ row: Row) throws -> Counts {
        Counts(
            queue: try row.get("queue_name"),
            queued: try row.get("queued"),
            delayed: try row.get("delayed"),
            blocked: try row.get("blocked"),
            executing: try row.get("executing"),
            oldestReadyAt: try row.get("oldest"),
            now: try row.get("seen_at")
        )
    }

    /// The entries that one step of a walk reads: as many as thousands of nodes have in their queues when all of them
    /// have a few, and few enough to be wasted on each queue that is longer.
    private static let walkedAtOnce = 2000

    /// Counts the operations of the queues that have any, by name: of those with few in a walk through all entries, of
    /// each longer one up to a limit.
    ///
    /// It ends at a number of queues; counting a state of a long one stops at a limit.
    package static func countsInUse(most: Int, limit: Int, on session: borrowing Session) throws -> [Counts] {
        var found: [Counts] = []
        while found.count < most {
            let rows = try session.query(walkQuery(after: found.last?.queue.description ?? ""))
            var step = try rows.map(counts)
            let walked = try rows.reduce(0) { try $0 + $1.get("walked", as: Int.self) }
            guard let last = step.last else { break }
            if walked == walkedAtOnce {
                // The step has ended within its last queue, which the next one begins with; alone it is a long one.
                step.removeLast()
                if step.isEmpty { step = try counts(of: [last.queue], limit: limit, on: session) }
            }
            found += step
            if walked < walkedAtOnce { break }
        }
        return Array(found.prefix(most))
    }

    static func walkQuery(after queue: String) -> SQL {
        """
        SELECT queue_name, COUNT(IF(state = 'queued' AND ready_at <= NOW(6), 1, NULL)) AS queued,
            COUNT(IF(state = 'queued' AND ready_at > NOW(6), 1, NULL)) AS `delayed`,
            COUNT(IF(state = 'blocked', 1, NULL)) AS blocked, COUNT(IF(state = 'executing', 1, NULL)) AS executing,
            MIN(IF(state = 'queued' AND ready_at <= NOW(6), ready_at, NULL)) AS oldest, NOW(6) AS seen_at,
            COUNT(*) AS walked
        FROM (
            SELECT queue_name, state, ready_at FROM work_queue FORCE INDEX (claim) WHERE queue_name > \(queue)
            ORDER BY queue_name LIMIT \(walkedAtOnce)) AS entries
        GROUP BY queue_name ORDER BY queue_name
        """
    }

    package static func countsQuery(of queues: [QueueName], limit: Int) -> SQL {
        let branches: [SQL] = queues.map { queue in
            func count(_ condition: SQL) -> SQL {
                """
                (SELECT COUNT(*) FROM (
                    SELECT 1 FROM work_queue FORCE INDEX (claim)
                    WHERE queue_name = \(queue) AND \(sql: condition)
                    LIMIT \(limit)) AS counted)
                """
            }
            return """
                SELECT \(queue) AS queue_name,
                    \(sql: count("state = 'queued' AND ready_at <= NOW(6)")) AS queued,
                    \(sql: count("state = 'queued' AND ready_at > NOW(6)")) AS `delayed`,
                    \(sql: count("state = 'blocked'")) AS blocked,
                    \(sql: count("state = 'executing'")) AS executing,
                    (SELECT MIN(ready_at) FROM work_queue FORCE INDEX (claim)
                    WHERE queue_name = \(queue) AND state = 'queued' AND ready_at <= NOW(6)) AS oldest,
                    NOW(6) AS seen_at
                """
        }
        return .joined(branches, separator: " UNION ALL ")
    }

    /// The rules that keep queues from being drained.
    package static func pauses(on session: borrowing Session) throws -> [QueuePause] {
        try session.query("SELECT pattern, reason, requester, paused_at FROM queue_pauses ORDER BY pattern").map {
            row in
            QueuePause(
                pattern: try row.get("pattern"),
                reason: try row.get("reason"),
                requester: try row.get("requester"),
                pausedAt: try row.get("paused_at")
            )
        }
    }

    /// Adds a rule, or gives it another reason; it is as old as it was.
    package static func pause(
        _ pattern: QueuePattern,
        reason: String,
        requester: String,
        on session: borrowing Session
    ) throws(DatabaseError) {
        try session.execute(
            """
            INSERT INTO queue_pauses (pattern, reason, requester, paused_at)
            VALUES (\(pattern), \(reason), \(requester), NOW(6))
            ON DUPLICATE KEY UPDATE reason = VALUE(reason), requester = VALUE(requester)
            """
        )
    }

    /// Removes a rule; returns whether it was there.
    package static func resume(_ pattern: String, on session: borrowing Session) throws(DatabaseError) -> Bool {
        try session.execute("DELETE FROM queue_pauses WHERE pattern = \(pattern)") == 1
    }

    /// A condition: whether a rule pauses a queue.
    package static func isPaused(_ queue: SQL) -> SQL {
        "EXISTS (SELECT 1 FROM queue_pauses WHERE \(sql: matches(queue)))"
    }

    /// A condition on a row of `queue_pauses`: its pattern matches a queue, as `Glob` says it.
    ///
    /// A pattern has neither `%` nor `|` in it, and its underscore stands for itself.
    static func matches(_ queue: SQL) -> SQL {
        "\(sql: queue) LIKE REPLACE(REPLACE(pattern, '_', '|_'), '*', '%') ESCAPE '|'"
    }
}
