import ClusterModel
import DatabaseTime
import MariaDB

/// The statements on how the networks' packets get from node to node.
package enum DataPlaneStatements {
    // MARK: Whom to probe

    /// Reads the nodes that a node probes: those with the network role, and a few that follow it by name.
    ///
    /// Each part goes by an index and ends after its limit: every node reads it with its session's looks, and by itself
    /// where there are none.
    ///
    /// - Returns: Nil when there is no such node.
    package static func plan(of node: NodeName, on session: borrowing Session) throws -> ProbePlan? {
        let found = try session.query(planQuery(node)).map { row in
            ProbePeer(id: try row.get("id"), name: try row.get("name"), address: try row.get("underlay_address"))
        }
        return ProbePlan(of: node, among: found)
    }

    static func planQuery(_ node: NodeName) -> SQL {
        """
        SELECT n.id, n.name, n.underlay_address FROM nodes AS n WHERE n.name = \(node)
        UNION DISTINCT (
            SELECT n.id, n.name, n.underlay_address FROM nodes AS n WHERE n.is_network_node = TRUE AND n.name <> \(node)
            ORDER BY n.name LIMIT \(ProbePeer.mostNetworkNodes))
        UNION DISTINCT (
            SELECT f.id, f.name, f.underlay_address
            FROM (
                (SELECT 1 AS part, a.id, a.name, a.underlay_address FROM nodes AS a WHERE a.name > \(node)
                    ORDER BY a.name LIMIT \(ProbePeer.neighbours))
                UNION ALL (SELECT 2, b.id, b.name, b.underlay_address FROM nodes AS b WHERE b.name < \(node)
                    ORDER BY b.name LIMIT \(ProbePeer.neighbours))) AS f
            ORDER BY f.part, f.name LIMIT \(ProbePeer.neighbours))
        """
    }

    // MARK: What a node reports

    /// Writes down that a path is faulty; since when stays as long as the kind of the fault does.
    ///
    /// A node that is gone by now has nothing written down.
    package static func recordPath(
        from: NodeID,
        to: NodeID,
        _ state: PathFinding.State,
        size: Int?,
        reason: String,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            INSERT INTO mesh_reachability (from_node, to_node, state, size, since, reason)
            SELECT f.id, t.id, \(state), \(size), NOW(6), \(reason)
            FROM nodes AS f JOIN nodes AS t WHERE f.id = \(from) AND t.id = \(to)
            ON DUPLICATE KEY UPDATE
                since = IF(mesh_reachability.state = VALUES(state), mesh_reachability.since, NOW(6)),
                state = VALUES(state), size = VALUES(size), reason = VALUES(reason)
            """
        )
    }

    /// Takes back that a path is faulty.
    package static func deletePath(
        from: NodeID,
        to: NodeID,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute("DELETE FROM mesh_reachability WHERE from_node = \(from) AND to_node = \(to)")
    }

    /// Takes back all paths that a node has reported, as a new process of it does: it knows nothing of them.
    package static func deletePaths(from node: NodeID, in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.execute("DELETE FROM mesh_reachability WHERE from_node = \(node)")
    }

    /// Takes back the outcome of all checks of a node, likewise.
    package static func deleteChecks(of node: NodeID, in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.execute("DELETE FROM data_plane_checks WHERE node = \(node)")
    }

    /// Writes down the outcome of a check; since when stays as long as the outcome does.
    package static func recordCheck(
        _ check: DataPlaneCheck,
        of node: NodeID,
        _ state: DataPlaneCheck.State,
        reason: String,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            INSERT INTO data_plane_checks (node, what, state, since, reason)
            SELECT n.id, \(check), \(state), NOW(6), \(reason) FROM nodes AS n WHERE n.id = \(node)
            ON DUPLICATE KEY UPDATE
                since = IF(data_plane_checks.state = VALUES(state), data_plane_checks.since, NOW(6)),
                state = VALUES(state), reason = VALUES(reason)
            """
        )
    }

    // MARK: What is read of all nodes

    /// Reads the faults that living nodes report, of checks and of paths to other living nodes.
    ///
    /// A node whose netnode is dead reports nothing any more, and does not answer: that it is dead is told elsewhere.
    package static func findings(on session: borrowing Session) throws -> DataPlaneFindings {
        let paths = try session.query(
            """
            SELECT f.name AS from_name, t.name AS to_name, r.state, r.size, r.since, r.reason
            FROM mesh_reachability AS r JOIN nodes AS f ON f.id = r.from_node JOIN nodes AS t ON t.id = r.to_node
            WHERE \(sql: hasNetnode("f.id")) AND \(sql: hasNetnode("t.id"))
            ORDER BY f.name, t.name
            """
        ).map { row in
            PathFinding(
                from: try row.get("from_name"),
                to: try row.get("to_name"),
                state: try row.get("state"),
                size: try row.get("size"),
                since: try row.get("since"),
                reason: try row.get("reason")
            )
        }
        let checks = try session.query(
            """
            SELECT n.name, c.what, c.state, c.since, c.reason
            FROM data_plane_checks AS c JOIN nodes AS n ON n.id = c.node
            WHERE c.state = 'failed' AND \(sql: hasNetnode("n.id"))
            ORDER BY n.name, c.what
            """
        ).map { row in
            CheckFinding(
                node: try row.get("name"),
                check: try row.get("what"),
                state: try row.get("state"),
                since: try row.get("since"),
                reason: try row.get("reason")
            )
        }
        return DataPlaneFindings(paths: paths, checks: checks)
    }

    /// A condition: a netnode of the node with this id lives.
    ///
    /// A scalar, because the server turns an EXISTS into a join, which reads the sessions of all nodes first.
    static func hasNetnode(_ id: SQL) -> SQL {
        """
        (SELECT 1 FROM sessions AS s
            WHERE s.node = \(sql: id) AND s.daemon = \(DaemonName.netnode) AND \(sql: LeaseTime.isLive("s."))
            LIMIT 1) IS NOT NULL
        """
    }

    // MARK: Whether the leader should hand over

    /// Reads how well the elected node and those that could follow it are reached.
    ///
    /// - Returns: Nil when the leader is none of the nodes that may be elected.
    package static func situation(
        of lease: String,
        leader: NodeName,
        on session: borrowing Session
    ) throws -> HandoverDecision.Situation? {
        let nodes = try session.query(
            """
            SELECT n.name, n.state = 'active' AND \(sql: hasNetnode("n.id")) AS can_follow,
                EXISTS (SELECT 1 FROM data_plane_checks AS c
                    WHERE c.node = n.id AND c.state = 'failed'
                        AND c.what NOT IN ('external_bridge', 'neighbour_table')) AS is_faulty,
                (SELECT c.state FROM data_plane_checks AS c
                    WHERE c.node = n.id AND c.what = 'external_bridge') AS bridge
            FROM nodes AS n WHERE n.is_network_node ORDER BY n.name
            """
        )
        let pairs = try session.query(
            """
            SELECT t.name AS to_name, f.name AS from_name
            FROM nodes AS t JOIN mesh_reachability AS r ON r.to_node = t.id AND r.state = 'unreachable'
                JOIN nodes AS f ON f.id = r.from_node
            WHERE t.is_network_node AND \(sql: hasNetnode("f.id"))
            """
        ).map { try $0.decode((NodeName, NodeName).self) }
        let unreachableFor = Dictionary(grouping: pairs, by: \.0).mapValues { Set($0.map(\.1)) }
        var own: HandoverDecision.Standing?
        var candidates: [HandoverDecision.Standing] = []
        for row in nodes {
            let name: NodeName = try row.get("name")
            let standing = HandoverDecision.Standing(
                node: name,
                unreachableFor: unreachableFor[name] ?? [],
                isFaulty: try row.get("is_faulty"),
                externalBridge: try row.get("bridge")
            )
            if name == leader {
                own = standing
            } else if try row.get("can_follow") {
                candidates.append(standing)
            }
        }
        guard let own else { return nil }
        let (needsBridge, microseconds) = try handovers(of: lease, on: session)
        return HandoverDecision.Situation(
            leader: own,
            candidates: candidates,
            needsExternalBridge: needsBridge,
            // Below zero the clock was set back since, and nothing is known.
            sinceLast: microseconds.flatMap { $0 < 0 ? nil : Duration(wholeMicroseconds: $0) }
        )
    }

    private static func handovers(of lease: String, on session: borrowing Session) throws -> (Bool, Int64?) {
        try session.query(
            """
            SELECT EXISTS (SELECT 1 FROM external_addresses) AS needs_bridge,
                (SELECT TIMESTAMPDIFF(MICROSECOND, h.requested_at, NOW(6))
                    FROM data_plane_handovers AS h JOIN leases AS l ON l.name = h.lease
                    WHERE h.lease = \(lease) AND NOT (l.refused_resignation <=> h.resignation)) AS since_microseconds
            """
        )[0].decode((Bool, Int64?).self)
    }

    /// Asks the holder of a term, which is the one that asks, to resign in favour of a node, unless somebody has asked
    /// it before.
    ///
    /// - Returns: Whether the request stands.
    package static func askToResign(
        _ lease: String,
        term: UInt64,
        to successor: NodeName,
        _ resignation: ResignationID,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) -> Bool {
        let isAsked = try HandoverStatements.ask(
            holderOf: lease,
            term: term,
            toResign: resignation,
            on: transaction.session
        )
        guard isAsked else { return false }
        try transaction.execute(
            """
            INSERT INTO data_plane_handovers (lease, resignation, successor, requested_at)
            VALUES (\(lease), \(resignation), \(successor), NOW(6))
            ON DUPLICATE KEY UPDATE resignation = VALUES(resignation), successor = VALUES(successor),
                requested_at = VALUES(requested_at)
            """
        )
        return true
    }
}

extension PathFinding.State: SQLWord {}
extension DataPlaneCheck: SQLWord {}
extension DataPlaneCheck.State: SQLWord {}
