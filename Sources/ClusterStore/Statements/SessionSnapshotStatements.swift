import ClusterModel
import MariaDB

/// A snapshot of the cluster, as a process that keeps a session reads it.
package struct SessionSnapshot: Sendable {
    /// All sessions that are not marked dead.
    package var sessions: [ReaperWatch.Sighting] = []
    /// The operations that the database believes this session runs.
    package var executing: [SessionStatements.Executing] = []
    /// A Boolean value that indicates whether the node takes no new work; so it is when it has been removed.
    package var isDraining = true
    /// A Boolean value that indicates whether the node is there; another machine that has its name now is another
    /// node.
    package var hasNode = false
    /// A Boolean value that indicates whether an operation is executing under a session that is dead or gone.
    package var hasOrphans = false
    /// A Boolean value that indicates whether an operation waits past its deadline.
    package var hasOverdue = false
    /// A Boolean value that indicates whether the wait of an operation was decided at a time that is still to come,
    /// because the clock was set back.
    package var hasAhead = false
    /// A Boolean value that indicates whether dependents of ended operations are left to be released or aborted.
    package var hasCascades = false
    /// A Boolean value that indicates whether something waits in one of the queues that can be claimed.
    package var hasWork = false
    /// The version of the schema.
    package var schemaVersion = 0

    package init() {}
}

/// The one look that goes with every renewal.
package enum SessionSnapshotStatements {
    /// The subject of a row of the answer.
    private enum Subject: String {
        case session
        case executing
        case node
        case orphan
        case overdue
        case ahead
        case cascade
        case schema
        case work
    }

    /// Reads what a worker has to know every two seconds, in one round trip; locks nothing.
    ///
    /// One after the other these would be eight statements, which an idle cluster sends for nothing. `queues` are
    /// those that the process has free slots for, or none; what `filter` passes over is no work.
    package static func look(
        from session: SessionID,
        on node: NodeID,
        into queues: [QueueName],
        _ filter: ClaimFilter = ClaimFilter(),
        on connection: borrowing Session
    ) throws -> SessionSnapshot {
        var seen = SessionSnapshot()
        for row in try connection.query(lookQuery(from: session, on: node, into: queues, filter)) {
            let word: String = try row.get("subject")
            switch Subject(rawValue: word) {
            case .session:
                seen.sessions.append(
                    ReaperWatch.Sighting(
                        session: try row.get("id"),
                        renewals: try row.get("number"),
                        lease: Duration(wholeMicroseconds: try row.get("detail"))
                    )
                )
            case .executing:
                seen.executing.append(
                    SessionStatements.Executing(
                        id: try row.get("id"),
                        delivery: try row.get("number"),
                        isCancelRequested: try row.get("detail", as: Int.self) != 0
                    )
                )
            case .node: (seen.hasNode, seen.isDraining) = (true, try row.get("detail", as: Int.self) != 0)
            case .orphan: seen.hasOrphans = true
            case .overdue: seen.hasOverdue = true
            case .ahead: seen.hasAhead = true
            case .cascade: seen.hasCascades = true
            case .schema: seen.schemaVersion = try row.get("number")
            case .work: seen.hasWork = true
            case nil: preconditionFailure("a row about \(word) was not asked for")
            }
        }
        return seen
    }

    /// Every branch is one range of an index; those that only tell whether there is something end at its first entry.
    package static func lookQuery(
        from session: SessionID,
        on node: NodeID,
        into queues: [QueueName],
        _ filter: ClaimFilter = ClaimFilter()
    ) -> SQL {
        let heads = SQL.joined(ClaimStatements.heads(of: queues, limit: 1, filter), separator: " UNION ALL ")
        let work: SQL =
            queues.isEmpty
            ? ""
            : """
            UNION ALL
            (SELECT 'work', id, 0, 0
            FROM (\(sql: heads)) AS heads
            WHERE NOT \(sql: QueueStatements.isPaused("heads.queue_name"))
            LIMIT 1)
            """
        return """
            SELECT 'session' AS subject, id, CAST(renewals AS SIGNED) AS number,
                CAST(lease_microseconds AS SIGNED) AS detail
            FROM sessions FORCE INDEX (sessions_by_life)
            WHERE dead = FALSE
            UNION ALL
            SELECT 'executing', id, deliveries, cancel_requested_at IS NOT NULL
            FROM work_queue FORCE INDEX (work_by_session)
            WHERE session = \(session)
            UNION ALL
            SELECT 'node', id, 0, state = 'draining' FROM nodes WHERE id = \(node)
            UNION ALL
            (SELECT 'orphan', id, 0, 0 FROM (\(sql: SessionStatements.orphansQuery(limit: 1))) AS orphans)
            UNION ALL
            (SELECT 'overdue', id, 0, 0 FROM (\(sql: CancelStatements.overdueQuery(limit: 1))) AS overdue)
            UNION ALL
            (SELECT 'ahead', id, 0, 0 FROM (\(sql: ClockStatements.aheadQuery(limit: 1))) AS ahead)
            UNION ALL
            (SELECT 'cascade', dependency, 0, 0 FROM cascades LIMIT 1)
            UNION ALL
            (SELECT 'schema', NULL, CAST(version AS SIGNED), 0 FROM schema_migrations
            WHERE finished_at IS NOT NULL ORDER BY version DESC LIMIT 1)
            \(sql: work)
            """
    }
}
