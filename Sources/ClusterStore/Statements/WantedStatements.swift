import ClusterModel
import MariaDB

/// The statement on what a node should have of the networks: its share of their mesh, their namespaces, their servers
/// and its guests' ports.
package enum WantedStatements {
    /// A snapshot of what is wanted on a node.
    package struct Snapshot: Sendable {
        package let node: NodeID
        /// A Boolean value that indicates whether the node may be elected; only then it has namespaces and servers.
        package let isNetworkNode: Bool
        /// Every guest and every network-role node of the networks that concern the node.
        package let mesh: NetworkRows<MeshStatements.Row>
        /// The same networks with their guests as a server needs them, on a node that may be elected.
        package let servers: NetworkRows<ServerStatements.Row>
        /// The same networks with the interfaces that the node itself hosts.
        package let ports: NetworkRows<PortStatements.Row>
    }

    /// The longest list of VNIs; a longer one reads all networks, which costs hardly more.
    static let longestList = 1000

    /// Reads what is wanted on a node, of all networks that concern it or of some VNIs: those that it hosts an
    /// interface of, or all when it has the network role.
    ///
    /// One statement, hence one snapshot: under READ COMMITTED two would see two, and the generation is that of these
    /// very rows. A network that is in the answer is there with the node itself, by an interface or by its role. What
    /// does not parse is no error of the whole: the others are to be served.
    ///
    /// - Returns: The snapshot; nil when there is no such node.
    package static func snapshot(
        on node: NodeName,
        of vnis: Set<VNI>? = nil,
        on session: borrowing Session
    ) throws -> Snapshot? {
        let found = try session.query(rowsQuery(on: node, of: vnis))
        var own: MariaDB.Row?
        // The columns of a network are in one row of it only, because they cost more than a guest's; that one goes
        // first.
        var (heads, others): ([MariaDB.Row], [MariaDB.Row]) = ([], [])
        for row in found {
            if try row.get("is_network_node", as: Bool?.self) != nil {
                own = row
            } else if try row.get("vni", as: Int?.self) != nil {
                heads.append(row)
            } else {
                others.append(row)
            }
        }
        guard let own else { return nil }
        let (rows, isNetworkNode) = (heads + others, try own.get("is_network_node", as: Bool.self))
        return Snapshot(
            node: try own.get("node"),
            isNetworkNode: isNetworkNode,
            mesh: try MeshStatements.rows(in: rows),
            servers: try ServerStatements.rows(in: isNetworkNode ? rows : []),
            ports: try PortStatements.rows(in: rows)
        )
    }

    static func rowsQuery(on node: NodeName, of vnis: Set<VNI>?) -> SQL {
        let some = vnis.flatMap { $0.isEmpty || $0.count > longestList ? nil : $0.sorted() }
        let isWanted: SQL = some.map { "w.vni IN (\(list: $0))" } ?? "TRUE"
        // Read from the node's side, in this order: of thousands of networks a hypervisor has guests in a few, and the
        // optimizer takes the derived table for one of thousands of rows.
        let concerning: SQL = """
            (SELECT w.id FROM nodes AS me JOIN networks AS w
                WHERE me.name = \(node) AND me.is_network_node AND \(sql: isWanted)
            UNION
            SELECT mine.network FROM nodes AS me JOIN interfaces AS mine ON mine.node = me.id
                WHERE me.name = \(node)) AS concerning
                STRAIGHT_JOIN networks AS w ON w.id = concerning.id AND \(sql: isWanted)
            """
        return """
            SELECT NULL AS network, NULL AS name, NULL AS vni, NULL AS cidr, NULL AS mtu, NULL AS domain, NULL AS dhcp,
                NULL AS dns, NULL AS generation, me.id AS node, me.underlay_address, me.is_network_node,
                NULL AS interface, NULL AS mac, NULL AS address, NULL AS hostname, NULL AS port_security,
                NULL AS allowed, NULL AS gateway
            FROM nodes AS me WHERE me.name = \(node)
            UNION ALL
            SELECT w.id, w.name, w.vni, w.cidr, w.mtu, w.domain, w.dhcp, w.dns, w.generation,
                me.id, me.underlay_address, NULL, NULL, NULL, NULL, NULL, w.port_security, NULL, w.gateway
            FROM nodes AS me STRAIGHT_JOIN \(sql: concerning)
            WHERE me.name = \(node)
            UNION ALL
            SELECT w.id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                n.id, n.underlay_address, NULL, i.id, i.mac, i.address, i.hostname, NULL,
                IF(n.name = \(node), \(sql: InterfaceStatements.allowedAddresses), NULL), NULL
            FROM \(sql: concerning)
                STRAIGHT_JOIN interfaces AS i ON i.network = w.id
                STRAIGHT_JOIN nodes AS n ON n.id = i.node
            UNION ALL
            SELECT w.id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                n.id, n.underlay_address, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
            FROM \(sql: concerning) STRAIGHT_JOIN nodes AS n ON n.is_network_node AND n.name <> \(node)
            """
    }
}
