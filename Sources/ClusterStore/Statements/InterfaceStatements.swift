import ClusterModel
import MariaDB

/// The statements on the wanted state of guests' interfaces.
package enum InterfaceStatements {
    /// Adds an interface; a duplicate throws 1062 on `interfaces_by_mac`, `interfaces_by_address` or
    /// `interfaces_by_hostname`.
    package static func insert(
        _ draft: InterfaceDraft,
        id: InterfaceID,
        network: NetworkID,
        node: NodeID,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            INSERT INTO interfaces (id, network, node, mac, address, hostname)
            VALUES (\(id), \(network), \(node), \(draft.mac), \(draft.address), \(draft.hostname))
            """
        )
    }

    /// The interfaces to read; all that is nil does not matter.
    package struct Filter: Sendable {
        package var id: InterfaceID?
        package var network: NetworkName?
        package var node: NodeName?

        package init(id: InterfaceID? = nil, network: NetworkName? = nil, node: NodeName? = nil) {
            self.id = id
            self.network = network
            self.node = node
        }
    }

    /// Reads interfaces, by network and address.
    package static func interfaces(_ filter: Filter, on session: borrowing Session) throws -> [Interface] {
        var conditions: [SQL] = ["TRUE"]
        if let id = filter.id { conditions.append("i.id = \(id)") }
        if let network = filter.network { conditions.append("w.name = \(network)") }
        if let node = filter.node { conditions.append("n.name = \(node)") }
        return try session.query(
            """
            SELECT i.id, w.name AS network, n.name AS node, i.mac, i.address, i.hostname, e.address AS floating_address,
                \(sql: allowedAddresses) AS allowed_addresses, \(sql: ExternalStatements.ports) AS floating_ports
            FROM interfaces AS i JOIN networks AS w ON w.id = i.network JOIN nodes AS n ON n.id = i.node
                LEFT JOIN external_addresses AS e ON e.holder = i.id
            WHERE \(sql: .joined(conditions, separator: " AND "))
            ORDER BY w.name, i.address
            """
        ).map { row in
            Interface(
                id: try row.get("id"),
                network: try row.get("network"),
                node: try row.get("node"),
                mac: try row.get("mac"),
                address: try row.get("address"),
                hostname: try row.get("hostname"),
                floatingAddress: try row.get("floating_address", as: IPv4Address?.self),
                floatingPorts: try row.get("floating_ports", as: FloatingPortList.self).ports,
                allowedAddresses: try row.get("allowed_addresses", as: AllowedAddressList.self).addresses
            )
        }
    }

    /// An interface as far as its guest's name goes.
    package struct Name: Sendable {
        package let id: InterfaceID
        package let network: NetworkName
        package let hostname: HostName
        package let domain: DomainName?

        package init(id: InterfaceID, network: NetworkName, hostname: HostName, domain: DomainName?) {
            self.id = id
            self.network = network
            self.hostname = hostname
            self.domain = domain
        }
    }

    /// Reads the names of interfaces, of a bounded number; of a name that does not parse, its network's problems tell.
    package static func names(limit: Int, on session: borrowing Session) throws -> [Name] {
        try session.query(
            """
            SELECT i.id, w.name AS network, i.hostname, w.domain
            FROM interfaces AS i JOIN networks AS w ON w.id = i.network LIMIT \(limit)
            """
        ).compactMap { row in
            guard let hostname = try? HostName(row.get("hostname", as: String.self)) else { return nil }
            return Name(
                id: try row.get("id"),
                network: try row.get("network"),
                hostname: hostname,
                domain: try row.get("domain", as: DomainName?.self)
            )
        }
    }

    /// Changes an interface, which stays in its network; a duplicate throws 1062 as in `insert`.
    package static func update(
        _ id: InterfaceID,
        to draft: InterfaceDraft,
        node: NodeID,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            UPDATE interfaces
            SET node = \(node), mac = \(draft.mac), address = \(draft.address), hostname = \(draft.hostname)
            WHERE id = \(id)
            """
        )
    }

    /// Makes the allowed addresses of an interface, whose network is locked, what they should be; a list that is longer
    /// than the schema has places for throws.
    package static func putAllowedAddresses(
        _ addresses: [IPv4CIDR],
        of id: InterfaceID,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute("DELETE FROM allowed_addresses WHERE interface = \(id)")
        try transaction.execute(together: Array(addresses.enumerated())) { index, range in
            "(\(id), \(index + 1), \(range))"
        } in: { rows in
            "INSERT INTO allowed_addresses (interface, place, cidr) VALUES \(sql: rows)"
        }
    }

    /// The allowed addresses of the interface `i`, in one text.
    static let allowedAddresses: SQL = """
        (SELECT COALESCE(GROUP_CONCAT(a.cidr ORDER BY a.place SEPARATOR ' '), '')
            FROM allowed_addresses AS a WHERE a.interface = i.id)
        """

    /// Removes an interface; returns whether it was there.
    package static func delete(_ id: InterfaceID, in transaction: borrowing Transaction) throws(DatabaseError) -> Bool {
        try transaction.execute("DELETE FROM interfaces WHERE id = \(id)") > 0
    }
}
