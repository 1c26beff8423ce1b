import ClusterModel
import DatabaseTime
import Foundation
import MariaDB

/// The statements on the DHCP events that are kept.
package enum NetworkEventStatements {
    /// An event that has not been written yet.
    package struct Seen: Sendable, Hashable, Encodable {
        package let network: NetworkID
        package let networkName: NetworkName
        package let kind: DHCPEventKind
        package let mac: MACAddress
        package let address: IPv4Address?
        package let detail: String
        /// The time since it happened, in microseconds.
        package let age: Int64

        package init(
            network: NetworkID,
            networkName: NetworkName,
            kind: DHCPEventKind,
            mac: MACAddress,
            address: IPv4Address?,
            detail: String,
            age: Duration
        ) {
            self.network = network
            self.networkName = networkName
            self.kind = kind
            self.mac = mac
            self.address = address
            self.detail = detail
            self.age = age.wholeMicroseconds
        }
    }

    /// Events that a sweep deletes: the next one goes on.
    package static let mostSwept = 1000
    /// Events that are read at once, the newest first.
    package static let mostFound = 2000

    /// Writes events; one of the same kind and client in the same minute stands for all.
    ///
    /// So what is written again, because the outcome of its COMMIT is unknown, is nearly always one event.
    package static func write(_ events: [Seen], on node: NodeName, in transaction: borrowing Transaction) throws {
        guard !events.isEmpty else { return }
        let document = String(decoding: try JSONEncoder().encode(events), as: UTF8.self)
        try transaction.execute(
            """
            INSERT INTO network_events (network, kind, mac, in_minute, happened_at, network_name, node_name, address,
                detail)
            SELECT e.network, e.kind, e.mac, TIMESTAMPDIFF(MINUTE, '2020-01-01', NOW(6) - INTERVAL e.age MICROSECOND),
                NOW(6) - INTERVAL e.age MICROSECOND, e.name, \(node), e.address, e.detail
            FROM JSON_TABLE(\(document), '$[*]' COLUMNS (
                network CHAR(36) PATH '$.network', name VARCHAR(63) PATH '$.networkName',
                kind VARCHAR(16) PATH '$.kind', mac CHAR(17) PATH '$.mac', address VARCHAR(15) PATH '$.address',
                detail VARCHAR(300) PATH '$.detail', age BIGINT PATH '$.age')) AS e
            ON DUPLICATE KEY UPDATE happened_at = network_events.happened_at
            """
        )
    }

    /// Deletes events that are older than a week.
    package static func sweep(in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.execute(
            """
            DELETE FROM network_events
            WHERE happened_at < NOW(6) - INTERVAL 7 DAY ORDER BY happened_at LIMIT \(mostSwept)
            """
        )
    }

    /// Reads the events since a moment, the newest first.
    package static func events(since: Timestamp, on session: borrowing Session) throws -> [NetworkEvent] {
        try session.query(
            """
            SELECT happened_at, kind, network_name, mac, address, node_name, detail FROM network_events
            WHERE happened_at >= \(since) ORDER BY happened_at DESC LIMIT \(mostFound)
            """
        ).map { row in
            NetworkEvent(
                at: try row.get("happened_at"),
                kind: try row.get("kind"),
                network: try row.get("network_name"),
                mac: try row.get("mac"),
                address: try row.get("address"),
                node: try row.get("node_name"),
                detail: try row.get("detail")
            )
        }
    }
}
