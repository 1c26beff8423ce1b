import ClusterModel
import MariaDB

/// A network whose row does not parse as it stands: written past `clusterctl`, or before the schema refused it.
///
/// Its VNI is known all the same, so that nobody takes for a stray what a node has of it.
package struct UnreadableNetwork: Sendable, Hashable {
    package let id: NetworkID
    /// Nil where not even that parses; then no name on a node can be its.
    package let vni: VNI?
    /// The column, and what was expected of it; nothing of the row stands in it as it was found.
    package let reason: String
}

/// The rows of a snapshot of networks, but for those of networks that cannot be read: one of them is no error of the
/// whole, because the others are to be served.
package struct NetworkRows<Row: Sendable>: Sendable {
    package let rows: [Row]
    /// By id.
    package let unreadable: [UnreadableNetwork]

    /// Reads rows that have the columns `network` and `vni`; a network of which one row cannot be read has none, and
    /// the first such row says why.
    ///
    /// - Throws: `DatabaseError` when not even the network's id can be read.
    package init(_ found: [MariaDB.Row], _ read: (NetworkID, MariaDB.Row) throws -> Row) throws {
        var rows: [(network: NetworkID, row: Row)] = []
        var unreadable: [NetworkID: UnreadableNetwork] = [:]
        // A network of a thousand guests has a thousand rows with the same id.
        var last: (text: String, network: NetworkID)?
        for row in found {
            let text = try row.get("network", as: String.self)
            let network = try last?.text == text ? last?.network ?? row.get("network") : row.get("network")
            last = (text, network)
            guard unreadable[network] == nil else { continue }
            do {
                rows.append((network, try read(network, row)))
            } catch let error as DatabaseError {
                // Not every row has it.
                let vni = found.lazy.filter { (try? $0.get("network", as: String.self)) == text }
                    .compactMap { try? $0.get("vni", as: VNI.self) }.first
                unreadable[network] = UnreadableNetwork(id: network, vni: vni, reason: "\(error)")
            }
        }
        self.rows = rows.filter { unreadable[$0.network] == nil }.map(\.row)
        self.unreadable = unreadable.values.sorted { "\($0.id)" < "\($1.id)" }
    }
}
