import ClusterModel
import MariaDB

/// The statements on the external network, and on who has which of its addresses.
///
/// Lock order: the external network comes after networks and before nodes. Who gives out or takes away an address of a
/// network holds the network's row; who gives one out, the external network's too.
package enum ExternalStatements {
    private static let columns: SQL = "cidr, gateway, first_address, last_address"

    /// Reads the external network; nil when there is none.
    package static func externalNetwork(on session: borrowing Session) throws -> ExternalNetwork? {
        try session.query("SELECT \(sql: columns) FROM external_network").first.map(record)
    }

    /// Reads the external network and keeps everybody from changing it, and from giving out addresses, until COMMIT.
    package static func lock(in transaction: borrowing Transaction) throws -> ExternalNetwork? {
        try transaction.query("SELECT \(sql: columns) FROM external_network FOR UPDATE").first.map(record)
    }

    private static func record(_ row: MariaDB.Row) throws -> ExternalNetwork {
        ExternalNetwork(
            valid: try row.get("cidr"),
            try row.get("gateway"),
            try row.get("first_address"),
            try row.get("last_address")
        )
    }

    /// Makes the external network what it should be.
    package static func put(_ external: ExternalNetwork, in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.execute(
            """
            INSERT INTO external_network (one, cidr, gateway, first_address, last_address)
            VALUES (1, \(external.cidr), \(external.gateway), \(external.first), \(external.last))
            ON DUPLICATE KEY UPDATE cidr = VALUES(cidr), gateway = VALUES(gateway),
                first_address = VALUES(first_address), last_address = VALUES(last_address)
            """
        )
    }

    /// Removes the external network.
    package static func delete(in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.execute("DELETE FROM external_network")
    }

    // MARK: Addresses

    /// Every address that is given out.
    package static func taken(on session: borrowing Session) throws -> Set<IPv4Address> {
        Set(try session.query("SELECT address FROM external_addresses").map { try $0.only(IPv4Address.self) })
    }

    /// The networks' own addresses, for all networks or for one; a network that has none has no NAT.
    package static func networkAddresses(
        of network: NetworkID? = nil,
        on session: borrowing Session
    ) throws -> [NetworkID: IPv4Address] {
        let condition: SQL = network.map { "AND network = \($0)" } ?? ""
        let rows = try session.query(
            "SELECT network, address FROM external_addresses WHERE interface IS NULL \(sql: condition)"
        ).map { try $0.decode((NetworkID, IPv4Address).self) }
        return Dictionary(rows.map { ($0.0, $0.1) }) { first, _ in first }
    }

    /// Counts the interfaces of a network that have a floating IP.
    package static func floatCount(of network: NetworkID, on session: borrowing Session) throws -> Int {
        try session.query(
            "SELECT COUNT(*) FROM external_addresses WHERE network = \(network) AND interface IS NOT NULL"
        )[0].only()
    }

    /// Gives an address to a network, or to one of its interfaces; a duplicate throws 1062 on `PRIMARY`.
    package static func give(
        _ address: IPv4Address,
        to network: NetworkID,
        interface: InterfaceID? = nil,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            INSERT INTO external_addresses (address, network, interface, holder)
            VALUES (\(address), \(network), \(interface), COALESCE(\(interface), \(network)))
            """
        )
    }

    /// Takes back what an interface was given.
    package static func take(from interface: InterfaceID, in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.execute("DELETE FROM external_addresses WHERE holder = \(interface)")
    }

    /// Takes back what a network itself was given.
    package static func take(from network: NetworkID, in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.execute("DELETE FROM external_addresses WHERE holder = \(network)")
    }

    /// Makes the ports of a floating address, whose network is locked, what they should be; a list that is longer than
    /// the schema has places for throws.
    package static func putPorts(
        _ ports: [FloatingPort],
        of address: IPv4Address,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute("DELETE FROM floating_ports WHERE address = \(address)")
        try transaction.execute(together: Array(ports.enumerated())) { index, port in
            "(\(address), \(index + 1), \(port.transport.rawValue), \(port.number))"
        } in: { rows in
            "INSERT INTO floating_ports (address, place, transport, number) VALUES \(sql: rows)"
        }
    }

    /// The ports of the address `e`, in one text.
    static let ports: SQL = """
        (SELECT COALESCE(GROUP_CONCAT(CONCAT(p.transport, '/', p.number) SEPARATOR ' '), '')
            FROM floating_ports AS p WHERE p.address = e.address)
        """

    // MARK: What nodes make of it

    /// An external address of a network, with all that its egress is made of.
    package struct Row: Sendable, Hashable {
        package let network: NetworkID
        package let vni: VNI
        package let cidr: CIDR
        package let generation: UInt64
        package let external: CIDR
        package let gateway: IPv4Address
        package let address: IPv4Address
        /// The guest that has it; nil for the network's own.
        package let inside: IPv4Address?
        /// The ports that lead to the guest, in order; none is all of them.
        package let ports: [FloatingPort]
    }

    /// Every external address of every network, or only of those with some VNIs.
    ///
    /// One statement, hence one snapshot: the generation is that of these very addresses.
    package static func rows(with vnis: Set<VNI>? = nil, on session: borrowing Session) throws -> NetworkRows<Row> {
        let some = vnis.flatMap { $0.isEmpty || $0.count > WantedStatements.longestList ? nil : $0.sorted() }
        let condition: SQL = some.map { "WHERE w.vni IN (\(list: $0))" } ?? ""
        let found = try session.query(
            """
            SELECT w.id AS network, w.vni, w.cidr, w.generation, x.cidr AS external, x.gateway, e.address,
                i.address AS inside, \(sql: ports) AS ports
            FROM external_addresses AS e
                JOIN networks AS w ON w.id = e.network
                JOIN external_network AS x
                LEFT JOIN interfaces AS i ON i.id = e.interface
            \(sql: condition)
            """
        )
        return try NetworkRows(found) { network, row in
            Row(
                network: network,
                vni: try row.get("vni"),
                cidr: try row.get("cidr"),
                generation: try row.get("generation"),
                external: try row.get("external"),
                gateway: try row.get("gateway"),
                address: try row.get("address"),
                inside: try row.get("inside", as: IPv4Address?.self),
                ports: try row.get("ports", as: FloatingPortList.self).ports
            )
        }
    }
}
