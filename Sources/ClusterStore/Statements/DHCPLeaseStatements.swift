import ClusterModel
import DatabaseTime
import Foundation
import MariaDB

/// The statements on the DHCP leases that guests hold.
package enum DHCPLeaseStatements {
    /// A lease as the elected node's server has it.
    package struct Held: Sendable, Hashable, Encodable {
        package let address: IPv4Address
        package let mac: MACAddress
        /// The seconds that are left of it.
        package let remaining: Int

        package init(address: IPv4Address, mac: MACAddress, remaining: Int) {
            (self.address, self.mac, self.remaining) = (address, mac, remaining)
        }
    }

    /// Leases that a sweep deletes: the next one goes on.
    package static let mostSwept = 1000

    /// Writes leases of a network; written again it changes nothing but their ends.
    ///
    /// To be confirmed by the term in the same transaction. A guest that holds a lease of an earlier term may have been
    /// told a later end than this server knows of, and goes by that one. A lease that a later term has written stays as
    /// it is. Of a network that is gone nothing is written.
    package static func write(
        _ leases: [Held],
        of network: NetworkID,
        on node: NodeName,
        term: UInt64,
        in transaction: borrowing Transaction
    ) throws {
        guard !leases.isEmpty else { return }
        let document = String(decoding: try JSONEncoder().encode(leases), as: UTF8.self)
        // Assigned in this order: each expression sees what those before it have made of the row.
        try transaction.execute(
            """
            INSERT INTO dhcp_leases (network, address, mac, since, ends_at, node_name, term)
            SELECT w.id, l.address, l.mac, NOW(6), NOW(6) + INTERVAL l.remaining SECOND, \(node), \(term)
            FROM networks AS w, JSON_TABLE(\(document), '$[*]' COLUMNS (
                address VARCHAR(15) PATH '$.address', mac CHAR(17) PATH '$.mac', remaining INT PATH '$.remaining')) AS l
            WHERE w.id = \(network)
            ON DUPLICATE KEY UPDATE
                since = IF(dhcp_leases.term > VALUE(term) OR dhcp_leases.mac = VALUE(mac) AND ends_at > NOW(6),
                    since, VALUE(since)),
                ends_at = CASE
                    WHEN dhcp_leases.term > VALUE(term) THEN ends_at
                    WHEN dhcp_leases.mac = VALUE(mac) AND dhcp_leases.term < VALUE(term)
                        THEN GREATEST(ends_at, VALUE(ends_at))
                    ELSE VALUE(ends_at) END,
                mac = IF(dhcp_leases.term > VALUE(term), dhcp_leases.mac, VALUE(mac)),
                node_name = IF(dhcp_leases.term > VALUE(term), dhcp_leases.node_name, VALUE(node_name)),
                term = GREATEST(dhcp_leases.term, VALUE(term))
            """
        )
    }

    /// Deletes leases that were given back, of those that no later term has written.
    package static func delete(
        _ addresses: [IPv4Address],
        of network: NetworkID,
        term: UInt64,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        for address in addresses {
            try transaction.execute(
                "DELETE FROM dhcp_leases WHERE network = \(network) AND address = \(address) AND term <= \(term)"
            )
        }
    }

    /// Deletes leases that ended a day ago: a step of the database's clock must not take away what guests hold.
    package static func sweep(in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.execute(
            """
            DELETE FROM dhcp_leases WHERE ends_at < NOW(6) - INTERVAL 1 DAY ORDER BY ends_at LIMIT \(mostSwept)
            """
        )
    }

    /// Reads the leases of a network that have not ended, by address.
    package static func leases(of network: NetworkName, on session: borrowing Session) throws -> [GuestLease] {
        try session.query(
            """
            SELECT l.address, l.mac, l.since, l.ends_at, l.node_name AS server, i.id AS interface, i.hostname,
                n.name AS node
            FROM networks AS w
                JOIN dhcp_leases AS l ON l.network = w.id
                LEFT JOIN interfaces AS i ON i.network = l.network AND i.mac = l.mac AND i.address = l.address
                LEFT JOIN nodes AS n ON n.id = i.node
            WHERE w.name = \(network) AND l.ends_at > NOW(6)
            ORDER BY l.address
            """
        ).map { row in
            GuestLease(
                address: try row.get("address"),
                mac: try row.get("mac"),
                interface: try row.get("interface"),
                hostname: try row.get("hostname"),
                node: try row.get("node"),
                since: try row.get("since"),
                until: try row.get("ends_at"),
                server: try row.get("server")
            )
        }
    }
}
