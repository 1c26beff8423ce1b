import ClusterModel
import MariaDB

/// The statements on the wanted state of the guests' networks.
///
/// Lock order: networks by id, then nodes, then operations. Who changes anything of a network holds its row, so that
/// generations are given out one by one.
package enum NetworkStatements {
    /// Adds a network; a duplicate throws 1062 on `networks_by_name` or `networks_by_vni`.
    package static func insert(
        _ draft: NetworkDraft,
        id: NetworkID,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            INSERT INTO networks (id, name, vni, cidr, mtu, domain, dhcp, dns, port_security, gateway)
            VALUES (\(id), \(draft.name), \(draft.vni), \(draft.cidr), \(draft.mtu), \(draft.domain), \(draft.dhcp),
                \(draft.dns), \(draft.portSecurity), \(draft.gateway))
            """
        )
    }

    /// Reads all networks, or one, by name.
    package static func networks(_ name: NetworkName? = nil, on session: borrowing Session) throws -> [NetworkRecord] {
        let condition: SQL = name.map { "WHERE name = \($0)" } ?? ""
        return try session.query("SELECT \(sql: columns) FROM networks \(sql: condition) ORDER BY name").map(record)
    }

    /// Reads a network and keeps everybody from changing it, or its interfaces, until COMMIT.
    package static func lock(_ name: NetworkName, in transaction: borrowing Transaction) throws -> NetworkRecord? {
        try transaction.query("SELECT \(sql: columns) FROM networks WHERE name = \(name) FOR UPDATE").first.map(record)
    }

    /// Reads the name of a network whose addresses contain an address, with its CIDR; waits for who is just adding one.
    package static func holdAny(
        containing address: IPv4Address,
        in transaction: borrowing Transaction
    ) throws -> (name: NetworkName, cidr: String)? {
        try transaction.query(
            """
            SELECT name, cidr FROM networks
            WHERE INET_ATON(\(address)) BETWEEN INET_ATON(SUBSTRING_INDEX(cidr, '/', 1))
                AND INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + POW(2, 32 - SUBSTRING_INDEX(cidr, '/', -1)) - 1
            LIMIT 1 LOCK IN SHARE MODE
            """
        ).first.map { try $0.decode((NetworkName, String).self) }
    }

    /// Locks every network, as a change of the nodes that may be elected concerns them all.
    package static func lockAll(in transaction: borrowing Transaction) throws -> [NetworkRecord] {
        try transaction.query("SELECT \(sql: columns) FROM networks FORCE INDEX (PRIMARY) ORDER BY id FOR UPDATE")
            .map(record)
    }

    private static let columns: SQL = "id, name, vni, cidr, mtu, domain, dhcp, dns, port_security, gateway, generation"

    private static func record(_ row: Row) throws -> NetworkRecord {
        NetworkRecord(
            id: try row.get("id"),
            name: try row.get("name"),
            vni: try row.get("vni"),
            cidr: try? CIDR(row.get("cidr", as: String.self)),
            mtu: try row.get("mtu"),
            domain: try row.get("domain"),
            dhcp: try row.get("dhcp"),
            dns: try row.get("dns"),
            portSecurity: try row.get("port_security"),
            gateway: try row.get("gateway"),
            generation: try row.get("generation")
        )
    }

    /// Asks for a new generation of locked networks.
    package static func bump(_ ids: [NetworkID], in transaction: borrowing Transaction) throws(DatabaseError) {
        for id in ids { try transaction.execute("UPDATE networks SET generation = generation + 1 WHERE id = \(id)") }
    }

    /// Changes what of a locked network can change; its generation is `bump(_:in:)`'s.
    package static func update(_ network: NetworkRecord, in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.execute(
            """
            UPDATE networks
            SET mtu = \(network.mtu), domain = \(network.domain), dhcp = \(network.dhcp), dns = \(network.dns),
                port_security = \(network.portSecurity), gateway = \(network.gateway)
            WHERE id = \(network.id)
            """
        )
    }

    /// Removes a locked network; its applied state and problems go with it.
    package static func delete(_ id: NetworkID, in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.execute("DELETE FROM networks WHERE id = \(id)")
    }

    package static func interfaceCount(of id: NetworkID, on session: borrowing Session) throws -> Int {
        try session.query("SELECT COUNT(*) FROM interfaces WHERE network = \(id)")[0].only()
    }

    /// The longest host name of a network's interfaces; nil when it has none.
    package static func longestHostname(of id: NetworkID, on session: borrowing Session) throws -> HostName? {
        try session.query(
            "SELECT hostname FROM interfaces WHERE network = \(id) ORDER BY LENGTH(hostname) DESC LIMIT 1"
        ).first?.only()
    }

    /// The nodes that host interfaces, for all networks or for one.
    package static func hosts(
        of network: NetworkID? = nil,
        on session: borrowing Session
    ) throws -> [NetworkID: Set<NodeName>] {
        let condition: SQL = network.map { "WHERE i.network = \($0)" } ?? ""
        let pairs = try session.query(
            """
            SELECT DISTINCT i.network, n.name FROM interfaces AS i JOIN nodes AS n ON n.id = i.node \(sql: condition)
            """
        ).map { try $0.decode((NetworkID, NodeName).self) }
        return Dictionary(grouping: pairs, by: \.0).mapValues { Set($0.map(\.1)) }
    }

    /// The nodes that may be elected.
    package static func networkNodes(on session: borrowing Session) throws -> Set<NodeName> {
        Set(try session.query("SELECT name FROM nodes WHERE is_network_node = TRUE").map { try $0.only(NodeName.self) })
    }
}
