import ClusterModel
import DatabaseTime
import MariaDB

/// The statements on the VNIs of removed networks that nodes may still have devices of.
///
/// Lock order: after the network that is removed or added, and with the nodes.
package enum VNIHoldStatements {
    /// Holds the VNI of a locked network that is about to be removed, for some nodes; one that is gone by now holds
    /// nothing.
    package static func insert(
        _ network: NetworkRecord,
        for nodes: [NodeName],
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        guard !nodes.isEmpty else { return }
        try transaction.execute(
            """
            INSERT INTO vni_holds (vni, node, network, network_name, since)
            SELECT \(network.vni), n.id, \(network.id), \(network.name), NOW(6)
            FROM nodes AS n WHERE n.name IN (\(list: nodes)) LOCK IN SHARE MODE
            ON DUPLICATE KEY UPDATE network = VALUES(network), network_name = VALUES(network_name),
                since = VALUES(since), devices = NULL
            """
        )
    }

    /// A hold as an operator needs to know it.
    package struct Hold: Sendable {
        package let vni: VNI
        package let node: NodeName
        /// The name that the network had.
        package let networkName: NetworkName
        /// The moment of its removal, by the database's clock.
        package let since: Timestamp
        /// The devices that keep the hold; nil when the node has not looked yet.
        package let devices: String?
    }

    /// Reads the holds of a VNI, by node.
    package static func holds(of vni: VNI, on session: borrowing Session) throws -> [Hold] {
        try session.query(
            """
            SELECT h.vni, n.name AS node, h.network_name, h.since, h.devices
            FROM vni_holds AS h JOIN nodes AS n ON n.id = h.node WHERE h.vni = \(vni) ORDER BY n.name
            """
        ).map(hold)
    }

    /// Reads the oldest holds among those that have lasted for some time.
    package static func holds(
        olderThan age: Duration,
        limit: Int,
        on session: borrowing Session
    ) throws -> [Hold] {
        try session.query(
            """
            SELECT h.vni, n.name AS node, h.network_name, h.since, h.devices
            FROM vni_holds AS h JOIN nodes AS n ON n.id = h.node
            WHERE h.since < NOW(6) - INTERVAL \(age.wholeMicroseconds) MICROSECOND
            ORDER BY h.since, n.name LIMIT \(limit)
            """
        ).map(hold)
    }

    private static func hold(_ row: Row) throws -> Hold {
        Hold(
            vni: try row.get("vni"),
            node: try row.get("node"),
            networkName: try row.get("network_name"),
            since: try row.get("since"),
            devices: try row.get("devices", as: String?.self)
        )
    }

    // MARK: By the node

    /// The VNIs that a node holds.
    package static func vnis(heldBy node: NodeName, on session: borrowing Session) throws -> Set<VNI> {
        Set(
            try session.query(
                "SELECT h.vni FROM vni_holds AS h JOIN nodes AS n ON n.id = h.node WHERE n.name = \(node)"
            ).map { try $0.only(VNI.self) }
        )
    }

    /// The removed network whose VNI a node holds; nil when it holds none of that VNI.
    package static func network(
        holding vni: VNI,
        on node: NodeName,
        on session: borrowing Session
    ) throws -> NetworkID? {
        try session.query(
            """
            SELECT h.network FROM vni_holds AS h JOIN nodes AS n ON n.id = h.node
            WHERE n.name = \(node) AND h.vni = \(vni)
            """
        ).first?.only()
    }

    /// Releases what a node holds of a removed network.
    package static func release(
        _ vni: VNI,
        of network: NetworkID,
        on node: NodeName,
        on session: borrowing Session
    ) throws(DatabaseError) {
        try session.execute(
            """
            DELETE FROM vni_holds
            WHERE vni = \(vni) AND network = \(network) AND node = (SELECT id FROM nodes WHERE name = \(node))
            """
        )
    }

    /// Writes down the devices that keep a node's hold of a removed network; the same devices are no change.
    package static func setDevices(
        _ devices: String,
        keeping vni: VNI,
        of network: NetworkID,
        on node: NodeName,
        on session: borrowing Session
    ) throws(DatabaseError) {
        try session.execute(
            """
            UPDATE vni_holds SET devices = \(devices)
            WHERE vni = \(vni) AND network = \(network) AND node = (SELECT id FROM nodes WHERE name = \(node))
                AND NOT devices <=> \(devices)
            """
        )
    }
}
