import MariaDB

/// The statements on what nodes have brought about, and on what keeps them from it.
enum AppliedStatements {
    /// What nodes have brought about, for all networks or for one.
    static func applied(
        of network: NetworkID? = nil,
        on session: borrowing Session
    ) throws -> [NetworkID: [AppliedView]] {
        let condition: SQL = network.map { "WHERE a.network = \($0)" } ?? ""
        let rows = try session.query(
            """
            SELECT a.network, n.name, a.what, a.generation, a.term
            FROM applied_state AS a JOIN nodes AS n ON n.id = a.node \(sql: condition)
            ORDER BY n.name, a.what
            """
        ).map { try $0.decode((NetworkID, NodeName, AppliedPart, Int, Int).self) }
        return Dictionary(grouping: rows, by: \.0).mapValues { rows in
            rows.map { AppliedView(node: $0.1, what: $0.2, generation: $0.3, term: $0.4) }
        }
    }

    /// What keeps nodes from bringing networks about, for all networks or for one.
    static func problems(
        of network: NetworkID? = nil,
        on session: borrowing Session
    ) throws -> [NetworkID: [NetworkProblemView]] {
        let condition: SQL = network.map { "WHERE p.network = \($0)" } ?? ""
        let rows = try session.query(
            """
            SELECT p.network, n.name, p.what, p.since, p.message
            FROM network_problems AS p JOIN nodes AS n ON n.id = p.node \(sql: condition)
            ORDER BY n.name, p.what
            """
        ).map { try $0.decode((NetworkID, NodeName, String, Timestamp, String).self) }
        return Dictionary(grouping: rows, by: \.0).mapValues { rows in
            rows.map { NetworkProblemView(node: $0.1, what: $0.2, since: $0.3, message: $0.4) }
        }
    }
}
