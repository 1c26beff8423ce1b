import MariaDB

/// The statements on the elected role.
enum LeaseStatements {
    /// Who holds a lease now; nil before anybody ever did.
    static func leader(_ name: String, on session: borrowing Session) throws -> LeaderView? {
        try session.query(
            """
            SELECT name, term,
                IF(expires_at > NOW(6), holder_node, NULL) AS holder,
                IF(expires_at > NOW(6) AND holder IS NOT NULL,
                    TIMESTAMPDIFF(MICROSECOND, NOW(6), expires_at), NULL) AS left_microseconds
            FROM leases WHERE name = \(name)
            """
        ).first.map { row in
            let left: Int? = try row.get("left_microseconds")
            return LeaderView(
                name: try row.get("name"),
                holder: try row.get("holder"),
                term: try row.get("term"),
                expiresInSeconds: left.map { Double($0) / 1_000_000 }
            )
        }
    }
}
