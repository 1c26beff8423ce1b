import ClusterModel
import DatabaseTime
import MariaDB

/// The statements on what nodes have brought about, and on what keeps them from it.
package enum AppliedStatements {
    /// Reads the state that nodes have applied, for all networks or for one.
    package static func applied(
        of network: NetworkID? = nil,
        on session: borrowing Session
    ) throws -> [NetworkID: [AppliedState]] {
        let condition: SQL = network.map { "WHERE a.network = \($0)" } ?? ""
        let rows = try session.query(
            """
            SELECT a.network, n.name, a.what, a.generation, a.term
            FROM applied_state AS a JOIN nodes AS n ON n.id = a.node \(sql: condition)
            ORDER BY n.name, a.what
            """
        ).map { try $0.decode((NetworkID, NodeName, AppliedPart, Int, Int).self) }
        return Dictionary(grouping: rows, by: \.0).mapValues { rows in
            rows.map { AppliedState(node: $0.1, what: $0.2, generation: $0.3, term: $0.4) }
        }
    }

    /// Reads the problems that keep nodes from bringing networks to their wanted generation, for all networks or for
    /// one.
    package static func problems(
        of network: NetworkID? = nil,
        on session: borrowing Session
    ) throws -> [NetworkID: [NetworkProblem]] {
        let condition: SQL = network.map { "WHERE p.network = \($0)" } ?? ""
        let rows = try session.query(
            """
            SELECT p.network, n.name, p.what, p.since, p.message
            FROM network_problems AS p JOIN nodes AS n ON n.id = p.node \(sql: condition)
            ORDER BY n.name, p.what
            """
        ).map { try $0.decode((NetworkID, NodeName, String, Timestamp, String).self) }
        return Dictionary(grouping: rows, by: \.0).mapValues { rows in
            rows.map { NetworkProblem(node: $0.1, what: $0.2, since: $0.3, message: $0.4) }
        }
    }

    // MARK: What a node writes down

    /// Writes down that a node has brought a part of a network to a generation; never goes back.
    ///
    /// A network or node that is gone by now has nothing written down.
    package static func record(
        _ part: AppliedPart,
        of network: NetworkID,
        on node: NodeName,
        generation: UInt64,
        term: UInt64,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            INSERT INTO applied_state (network, node, what, generation, term, applied_at)
            SELECT w.id, n.id, \(part), \(generation), \(term), NOW(6)
            FROM networks AS w JOIN nodes AS n ON n.name = \(node) WHERE w.id = \(network)
            ON DUPLICATE KEY UPDATE
                generation = GREATEST(applied_state.generation, VALUES(generation)),
                term = GREATEST(applied_state.term, VALUES(term)), applied_at = VALUES(applied_at)
            """
        )
    }

    /// Writes down what keeps a node from bringing a part of a network about; since when stays as it was first written.
    package static func recordProblem(
        _ what: String,
        of network: NetworkID,
        on node: NodeName,
        message: String,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            INSERT INTO network_problems (network, node, what, since, message)
            SELECT w.id, n.id, \(what), NOW(6), \(message)
            FROM networks AS w JOIN nodes AS n ON n.name = \(node) WHERE w.id = \(network)
            ON DUPLICATE KEY UPDATE message = VALUES(message)
            """
        )
    }

    package static func deleteProblem(
        _ what: String,
        of network: NetworkID,
        on node: NodeName,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            DELETE FROM network_problems
            WHERE network = \(network) AND what = \(what) AND node = (SELECT id FROM nodes WHERE name = \(node))
            """
        )
    }

    /// A state or a problem that is written down of a node.
    package struct Written: Sendable {
        package let network: NetworkID
        package let what: String
        /// Nil for a problem.
        package let generation: UInt64?
        package let term: UInt64
        package let message: String
    }

    package static func written(of node: NodeName, on session: borrowing Session) throws -> [Written] {
        try session.query(
            """
            SELECT a.network, a.what, a.generation, a.term, '' AS message
            FROM applied_state AS a JOIN nodes AS n ON n.id = a.node WHERE n.name = \(node)
            UNION ALL
            SELECT p.network, p.what, NULL, 0, p.message
            FROM network_problems AS p JOIN nodes AS n ON n.id = p.node WHERE n.name = \(node)
            """
        ).map { row in
            Written(
                network: try row.get("network"),
                what: try row.get("what"),
                generation: try row.get("generation"),
                term: try row.get("term"),
                message: try row.get("message")
            )
        }
    }
}
