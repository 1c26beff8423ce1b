import ClusterModel
import DatabaseTime
import MariaDB

/// The statements on the machines of the cluster.
package enum NodeStatements {
    /// Adds a node; a duplicate throws 1062 on `nodes_by_name` or `nodes_by_underlay_address`.
    package static func insert(
        _ draft: NodeDraft,
        id: NodeID,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            INSERT INTO nodes (id, name, underlay_address, is_hypervisor, is_network_node)
            VALUES (\(id), \(draft.name), \(draft.underlayAddress), \(draft.roles.contains(.hypervisor)),
                \(draft.roles.contains(.network)))
            """
        )
    }

    /// Reads all nodes, or one, by name.
    package static func nodes(_ name: NodeName? = nil, on session: borrowing Session) throws -> [NodeRecord] {
        let condition: SQL = name.map { "WHERE name = \($0)" } ?? ""
        return try session.query("SELECT \(sql: columns) FROM nodes \(sql: condition) ORDER BY name").map(record)
    }

    /// Reads a node and keeps everybody from changing or removing it until COMMIT.
    package static func lock(_ name: NodeName, in transaction: borrowing Transaction) throws -> NodeRecord? {
        try transaction.query("SELECT \(sql: columns) FROM nodes WHERE name = \(name) FOR UPDATE").first.map(record)
    }

    /// Reads a node and keeps everybody from removing it until COMMIT; others may do the same meanwhile.
    package static func hold(_ name: NodeName, in transaction: borrowing Transaction) throws -> NodeRecord? {
        try transaction.query("SELECT \(sql: columns) FROM nodes WHERE name = \(name) LOCK IN SHARE MODE").first
            .map(record)
    }

    private static let columns: SQL = """
        id, name, underlay_address, is_hypervisor, is_network_node, state, drained_at, drain_requester, drain_reason
        """

    private static func record(_ row: Row) throws -> NodeRecord {
        let roles: [(NodeRole, Bool)] = [
            (.hypervisor, try row.get("is_hypervisor")), (.network, try row.get("is_network_node")),
        ]
        return NodeRecord(
            id: try row.get("id"),
            name: try row.get("name"),
            underlayAddress: try row.get("underlay_address"),
            roles: roles.filter(\.1).map(\.0),
            state: try row.get("state"),
            drain: try drain(of: row)
        )
    }

    static func drain(of row: Row) throws -> NodeDrain? {
        guard let since = try row.get("drained_at", as: Timestamp?.self) else { return nil }
        return NodeDrain(
            requester: try row.get("drain_requester"),
            since: since,
            reason: try row.get("drain_reason")
        )
    }

    /// Reads the node with the lowest underlay address of a range, and keeps everybody from changing it until COMMIT;
    /// waits for who is just adding one.
    package static func holdAny(
        withUnderlayIn range: IPv4CIDR,
        in transaction: borrowing Transaction
    ) throws -> NodeRecord? {
        try transaction.query(
            """
            SELECT \(sql: columns) FROM nodes WHERE underlay_address BETWEEN \(range.network) AND \(range.last)
            ORDER BY underlay_address LIMIT 1 LOCK IN SHARE MODE
            """
        ).first.map(record)
    }

    /// Drains a locked node, since now; one that is being drained already gets the requester and the reason, and is
    /// being drained since when it was.
    package static func drain(
        _ id: NodeID,
        requester: String,
        reason: String?,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            UPDATE nodes
            SET state = \(NodeState.draining), drained_at = COALESCE(drained_at, NOW(6)),
                drain_requester = \(requester), drain_reason = \(reason)
            WHERE id = \(id)
            """
        )
    }

    /// Lets a locked node take new work again.
    package static func undrain(_ id: NodeID, in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.execute(
            """
            UPDATE nodes SET state = \(NodeState.active), drained_at = NULL, drain_requester = NULL, drain_reason = NULL
            WHERE id = \(id)
            """
        )
    }

    /// Changes a locked node's roles.
    package static func setRoles(
        _ roles: Set<NodeRole>,
        of id: NodeID,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            UPDATE nodes
            SET is_hypervisor = \(roles.contains(.hypervisor)), is_network_node = \(roles.contains(.network))
            WHERE id = \(id)
            """
        )
    }

    /// Changes a locked node's address; a duplicate throws 1062 on `nodes_by_underlay_address`.
    package static func setUnderlay(
        _ address: IPv4Address,
        of id: NodeID,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute("UPDATE nodes SET underlay_address = \(address) WHERE id = \(id)")
    }

    /// Removes a node; its registered tasks and applied state go with it.
    package static func delete(_ id: NodeID, in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.execute("DELETE FROM nodes WHERE id = \(id)")
    }

    /// The underlay addresses of all nodes.
    package static func underlayAddresses(on session: borrowing Session) throws -> Set<IPv4Address> {
        Set(try session.query("SELECT underlay_address FROM nodes").map { try $0.only(IPv4Address.self) })
    }

    package static func interfaceCount(of id: NodeID, on session: borrowing Session) throws -> Int {
        try session.query("SELECT COUNT(*) FROM interfaces WHERE node = \(id)")[0].only()
    }

    /// The processes that hold a lease now, of all nodes or of one.
    package static func liveSessions(of node: NodeID? = nil, on session: borrowing Session) throws -> [NodeSession] {
        let condition: SQL = node.map { "AND node = \($0)" } ?? ""
        return try session.query(
            """
            SELECT node, daemon, pid, id, server, TIMESTAMPDIFF(MICROSECOND, NOW(6), expires_at) AS left_microseconds
            FROM sessions WHERE \(sql: LeaseTime.isLive()) \(sql: condition)
            ORDER BY daemon, pid
            """
        ).map { row in
            NodeSession(
                id: try row.get("id"),
                node: try row.get("node"),
                daemon: try row.get("daemon"),
                pid: try row.get("pid"),
                expiresInSeconds: Double(try row.get("left_microseconds", as: Int.self)) / 1_000_000,
                server: try row.get("server")
            )
        }
    }

    /// Reads those of some nodes that have a live netnode.
    package static func withNetnode(among nodes: Set<NodeName>, on session: borrowing Session) throws -> Set<NodeName> {
        let names = try nodes.sorted().inLists { nodes in
            try session.query(
                """
                SELECT n.name FROM nodes AS n
                WHERE n.name IN (\(list: nodes)) AND \(sql: DataPlaneStatements.hasNetnode("n.id"))
                """
            )
        }
        return Set(try names.map { try $0.only(NodeName.self) })
    }

    /// Reads the time at which a process of each node, or of one, last renewed its session.
    package static func lastSeen(of node: NodeID? = nil, on session: borrowing Session) throws -> [NodeID: Timestamp] {
        let condition: SQL = node.map { "WHERE node = \($0)" } ?? ""
        let pairs = try session.query("SELECT node, MAX(renewed_at) FROM sessions \(sql: condition) GROUP BY node")
            .map { try $0.decode((NodeID, Timestamp).self) }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }
}
