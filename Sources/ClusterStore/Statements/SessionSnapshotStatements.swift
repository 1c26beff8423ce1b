import ClusterModel
import MariaDB

/// A snapshot of the cluster, as a process that keeps a session reads it.
package struct SessionSnapshot: Sendable {
    /// The sessions that this one watches, as far as they were read.
    package var ring = ReaperWatch.Window(following: [])
    /// The operations that the database believes this session runs.
    package var executing: [SessionStatements.Executing] = []
    /// A Boolean value that indicates whether the node takes no new work; so it is when it has been removed.
    package var isDraining = true
    /// A Boolean value that indicates whether the node is there; another machine that has its name now is another
    /// node.
    package var hasNode = false
    /// A Boolean value that indicates whether the node may be elected: it has the network role and is active.
    package var mayBeElected = false
    /// The nodes that the node probes; nil when they were not asked for, or the node is not there.
    package var probePlan: ProbePlan?
    /// A Boolean value that indicates whether something waits in one of the queues that can be claimed.
    package var hasWork = false
    /// The part that concerns the whole cluster; nil when it was not this session's turn to read it.
    package var cluster: ClusterPart?

    /// The part of a snapshot that is the same for all sessions.
    package struct ClusterPart: Sendable {
        /// A Boolean value that indicates whether an operation is executing under a session that is dead or gone.
        package var hasOrphans = false
        /// A Boolean value that indicates whether an operation waits past its deadline.
        package var hasOverdue = false
        /// A Boolean value that indicates whether the wait of an operation was decided at a time that is still to
        /// come, because the clock was set back.
        package var hasAhead = false
        /// A Boolean value that indicates whether dependents of ended operations are left to be released or aborted.
        package var hasCascades = false
        /// The version of the schema.
        package var schemaVersion = 0
        /// The oldest version whose programs work with the schema.
        package var schemaFloor = 0

        package init() {}
    }

    package init() {}
}

/// The one look that goes with every renewal.
package enum SessionSnapshotStatements {
    /// The parts of a snapshot that are read.
    package struct Scope: Sendable, Hashable {
        package let ring: RingReading
        package let isOfCluster: Bool

        package init(ring: RingReading = RingReading(), isOfCluster: Bool = true) {
            self.ring = ring
            self.isOfCluster = isOfCluster
        }
    }

    /// The subject of a row of the answer, besides those of the ring.
    private enum Subject: String {
        case executing
        case node
        case probed
        case waiting
        case orphan
        case overdue
        case ahead
        case cascade
        case schema
    }

    /// Reads what a worker has to know every two seconds, in one round trip; locks nothing.
    ///
    /// One after the other these would be ten statements, which an idle cluster sends for nothing. Only while
    /// something waits in `queues` a second statement reads their heads. `queues` are those that the process has free
    /// slots for, or none; what `filter` passes over is no work. With the name of the node as `prober` the nodes that
    /// it probes are read too: 0.15 ms more of the server, where a statement of their own takes 0.2.
    package static func look(
        from session: SessionID,
        on node: NodeID,
        _ scope: Scope = Scope(),
        into queues: [QueueName],
        _ filter: ClaimFilter = ClaimFilter(),
        prober: NodeName? = nil,
        on connection: borrowing Session
    ) throws -> SessionSnapshot {
        var (seen, cluster, isWaiting) = (SessionSnapshot(), SessionSnapshot.ClusterPart(), false)
        var (ring, probed) = (SessionStatements.RingRows(), [ProbePeer]())
        for row in try connection.query(lookQuery(from: session, on: node, scope, into: queues, prober: prober)) {
            if try ring.take(row) { continue }
            let word: String = try row.get("subject")
            switch Subject(rawValue: word) {
            case .executing:
                seen.executing.append(
                    SessionStatements.Executing(
                        id: try row.get("id"),
                        delivery: try row.get("number"),
                        isCancelRequested: try row.get("detail", as: Int.self) != 0
                    )
                )
            case .node:
                (seen.hasNode, seen.isDraining) = (true, try row.get("detail", as: Int.self) != 0)
                seen.mayBeElected = try row.get("number", as: Int.self) != 0
            case .probed:
                let address = IPv4Address(rawValue: try row.get("number"))
                probed.append(ProbePeer(id: try row.get("id"), name: try row.get("name"), address: address))
            case .waiting: isWaiting = true
            case .orphan: cluster.hasOrphans = true
            case .overdue: cluster.hasOverdue = true
            case .ahead: cluster.hasAhead = true
            case .cascade: cluster.hasCascades = true
            case .schema:
                (cluster.schemaVersion, cluster.schemaFloor) = (try row.get("number"), try row.get("detail"))
            case nil: preconditionFailure("a row about \(word) was not asked for")
            }
        }
        seen.ring = ring.window(scope.ring)
        if let prober { seen.probePlan = ProbePlan(of: prober, among: probed) }
        if scope.isOfCluster { seen.cluster = cluster }
        if isWaiting { seen.hasWork = try !connection.query(workQuery(in: queues, filter)).isEmpty }
        return seen
    }

    /// Every branch is one range of an index; those that only tell whether there is something end at its first entry.
    package static func lookQuery(
        from session: SessionID,
        on node: NodeID,
        _ scope: Scope = Scope(),
        into queues: [QueueName],
        prober: NodeName? = nil
    ) -> SQL {
        var branches: [SQL] = [
            SessionStatements.ringQuery(after: session, scope.ring),
            """
            SELECT 'executing', id, deliveries, cancel_requested_at IS NOT NULL, NULL
            FROM work_queue FORCE INDEX (work_by_session)
            WHERE session = \(session)
            """,
            """
            SELECT 'node', id, is_network_node = TRUE AND state = 'active', state = 'draining', NULL
            FROM nodes WHERE id = \(node)
            """,
        ]
        if let prober {
            branches.append(
                """
                SELECT 'probed', id, CAST(INET_ATON(underlay_address) AS SIGNED), 0, name
                FROM (\(sql: DataPlaneStatements.planQuery(prober))) AS plan
                """
            )
        }
        if !queues.isEmpty {
            // The node is not in the index: with all columns in it a table that is small, or was when it was measured,
            // would be walked through from end to end.
            branches.append(
                """
                (SELECT 'waiting', id, 0, 0, NULL FROM work_queue FORCE INDEX (claim)
                WHERE queue_name IN (\(list: queues)) AND state = 'queued' AND ready_at <= NOW(6)
                    AND (node IS NULL OR node = \(node))
                LIMIT 1)
                """
            )
        }
        if scope.isOfCluster { branches += clusterBranches }
        return .joined(branches, separator: " UNION ALL ")
    }

    private static var clusterBranches: [SQL] {
        [
            "(SELECT 'orphan', id, 0, 0, NULL FROM (\(sql: SessionStatements.orphansQuery(limit: 1))) AS orphans)",
            "(SELECT 'overdue', id, 0, 0, NULL FROM (\(sql: CancelStatements.overdueQuery(limit: 1))) AS overdue)",
            "(SELECT 'ahead', id, 0, 0, NULL FROM (\(sql: ClockStatements.aheadQuery(limit: 1))) AS ahead)",
            "(SELECT 'cascade', dependency, 0, 0, NULL FROM cascades LIMIT 1)",
            """
            (SELECT 'schema', NULL, CAST(version AS SIGNED),
                (SELECT CAST(COALESCE(compatibility_floor, version) AS SIGNED) FROM schema_migrations
                ORDER BY version DESC LIMIT 1), NULL
            FROM schema_migrations
            WHERE finished_at IS NOT NULL ORDER BY version DESC LIMIT 1)
            """,
        ]
    }

    /// Reads one of the heads of some queues that are not paused: a queue without any costs as much as one that has
    /// some, 0.1 ms, so that they are read only while something waits.
    package static func workQuery(in queues: [QueueName], _ filter: ClaimFilter = ClaimFilter()) -> SQL {
        let heads = SQL.joined(ClaimStatements.heads(of: queues, limit: 1, filter), separator: " UNION ALL ")
        return """
            SELECT id FROM (\(sql: heads)) AS heads
            WHERE NOT \(sql: QueueStatements.isPaused("heads.queue_name"))
            LIMIT 1
            """
    }
}
