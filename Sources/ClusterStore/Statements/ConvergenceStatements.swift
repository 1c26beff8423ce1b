import ClusterModel
import MariaDB

/// The statements on the networks that have converged, by the same rule as `Convergence`.
///
/// Judging a network takes a read of what each of its nodes has applied. So the elected node marks the networks that
/// have reached their generation, and whoever asks again judges only those without a mark that counts. All that could
/// make a mark wrong raises the generation: another node that takes part, another need of a server. What nodes have
/// applied is never lowered.
package enum ConvergenceStatements {
    /// A generation that a network has reached.
    package struct Reached: Sendable, Hashable {
        package let network: NetworkID
        package let generation: UInt64
        /// The term under which it is served; nil for its mesh.
        package var term: UInt64?

        /// A table of them, with the columns `network`, `generation` and `term`.
        fileprivate static func rows(of reached: [Self]) -> SQL {
            let rows = reached.map { "[\"\($0.network)\",\($0.generation),\($0.term ?? 0)]" }
            let document = "[" + rows.joined(separator: ",") + "]"
            return """
                JSON_TABLE(\(document), '$[*]' COLUMNS (
                    network CHAR(36) CHARACTER SET ascii PATH '$[0]', generation BIGINT UNSIGNED PATH '$[1]',
                    term BIGINT UNSIGNED PATH '$[2]'))
                """
        }
    }

    // MARK: Marks

    /// Reads networks whose mesh has reached the wanted generation, and that have no mark of it.
    package static func meshed(limit: Int, on session: borrowing Session) throws -> [Reached] {
        try session.query(meshedQuery(limit: limit)).map {
            Reached(network: try $0.get("id"), generation: try $0.get("generation"))
        }
    }

    static func meshedQuery(limit: Int) -> SQL {
        """
        SELECT w.id, w.generation FROM networks AS w
        WHERE NOT \(sql: isMarkedMeshed) AND \(sql: hasMesh) ORDER BY w.id LIMIT \(limit)
        """
    }

    /// Reads networks whose server and egress have reached the wanted generation under the term that runs now, and that
    /// have no mark of it; none while no term runs.
    package static func served(limit: Int, on session: borrowing Session) throws -> [Reached] {
        try session.query(servedQuery(limit: limit)).map {
            Reached(network: try $0.get("id"), generation: try $0.get("generation"), term: try $0.get("term"))
        }
    }

    static func servedQuery(limit: Int) -> SQL {
        """
        SELECT w.id, w.generation, l.term
        FROM (\(sql: termOfLeader)) AS l STRAIGHT_JOIN networks AS w
        WHERE NOT (w.served_generation >= w.generation AND w.served_term = l.term)
            AND \(sql: hasServers(since: "w.generation"))
        ORDER BY w.id LIMIT \(limit)
        """
    }

    /// Marks networks; a mark never goes back.
    package static func mark(_ reached: [Reached], in transaction: borrowing Transaction) throws(DatabaseError) {
        let (served, meshed) = (reached.filter { $0.term != nil }, reached.filter { $0.term == nil })
        if !meshed.isEmpty {
            try transaction.execute(
                """
                UPDATE \(sql: Reached.rows(of: meshed)) AS e
                    STRAIGHT_JOIN networks AS w FORCE INDEX (PRIMARY) ON w.id = e.network
                SET w.meshed_generation = e.generation
                WHERE w.meshed_generation < e.generation
                """
            )
        }
        if !served.isEmpty {
            try transaction.execute(
                """
                UPDATE \(sql: Reached.rows(of: served)) AS e
                    STRAIGHT_JOIN networks AS w FORCE INDEX (PRIMARY) ON w.id = e.network
                SET w.served_generation = e.generation, w.served_term = e.term
                WHERE w.served_term < e.term OR w.served_term = e.term AND w.served_generation < e.generation
                """
            )
        }
    }

    // MARK: Conditions on a network w

    /// A condition: its mesh is marked.
    static let isMarkedMeshed: SQL = "w.meshed_generation >= w.generation"

    /// A condition: every node that takes part in its mesh has applied the wanted generation, or a later one.
    static let isMeshed: SQL = "(\(sql: isMarkedMeshed) OR \(sql: hasMesh))"

    /// Returns a condition: the elected node has applied a generation, or a later one, of all that only it serves.
    static func isServed(since generation: SQL) -> SQL {
        """
        (w.served_generation >= w.generation AND w.served_term <=> (\(sql: termOfLeader))
            OR \(sql: hasServers(since: generation)))
        """
    }

    private static let hasMesh: SQL = """
        (NOT EXISTS (
            SELECT 1 FROM nodes AS n
                LEFT JOIN applied_state AS a ON a.network = w.id AND a.node = n.id AND a.what = \(AppliedPart.mesh)
                    AND a.generation >= w.generation
            WHERE n.is_network_node = TRUE AND a.node IS NULL)
        AND NOT EXISTS (
            SELECT 1 FROM interfaces AS i
                LEFT JOIN applied_state AS a ON a.network = w.id AND a.node = i.node AND a.what = \(AppliedPart.mesh)
                    AND a.generation >= w.generation
            WHERE i.network = w.id AND a.node IS NULL))
        """

    private static func hasServers(since generation: SQL) -> SQL {
        """
        ((NOT (w.dhcp OR w.dns) OR \(sql: isApplied(.dnsmasq, since: generation)))
        AND (NOT EXISTS (SELECT 1 FROM external_addresses AS x WHERE x.holder = w.id)
            OR \(sql: isApplied(.egress, since: generation))))
        """
    }

    /// Returns a condition: the elected node has applied a part under the term that runs now.
    private static func isApplied(_ part: AppliedPart, since generation: SQL) -> SQL {
        """
        EXISTS (
            SELECT 1 FROM applied_state AS a
            WHERE a.network = w.id AND a.node = (\(sql: nodeOfLeader)) AND a.what = \(part)
                AND a.generation >= \(sql: generation) AND a.term = (\(sql: termOfLeader)))
        """
    }

    private static let runningLease: SQL = """
        leases WHERE name = \(ElectedLease.networkNode) AND holder IS NOT NULL AND \(sql: LeaseTime.runs())
        """

    private static let termOfLeader: SQL = "SELECT term FROM \(sql: runningLease)"
    private static let nodeOfLeader: SQL = """
        SELECT id FROM nodes WHERE name = (SELECT holder_node FROM \(sql: runningLease))
        """
}
