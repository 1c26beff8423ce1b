import ClusterModel
import MariaDB

/// The statements on the elected role.
package enum LeaseStatements {
    /// Reads who holds a lease now, as far as the database's clock tells; nil before anybody ever did.
    package static func leader(_ name: String, on session: borrowing Session) throws -> Leader? {
        try session.query(
            """
            SELECT term,
                IF(\(sql: LeaseTime.runs()), holder_node, NULL) AS holder,
                IF(\(sql: LeaseTime.runs()) AND holder IS NOT NULL,
                    TIMESTAMPDIFF(MICROSECOND, NOW(6), expires_at), NULL) AS left_microseconds
            FROM leases WHERE name = \(name)
            """
        ).first.map { row in
            let left: Int? = try row.get("left_microseconds")
            return Leader(
                holder: try row.get("holder"),
                term: try row.get("term"),
                expiresInSeconds: left.map { Double($0) / 1_000_000 }
            )
        }
    }

    /// The nodes that the holder of a lease would ask while the database is away.
    package struct Witnesses: Sendable, Hashable {
        /// In order, without the holder's own.
        package let nodes: [NodeName]
        package let outage: Duration
    }

    /// Reads the witnesses of a lease's holder; nil where it has none.
    package static func witnesses(of name: String, on session: borrowing Session) throws -> Witnesses? {
        let row = try session.query(
            "SELECT witnesses, outage_microseconds, holder_node FROM leases WHERE name = \(name)"
        ).first
        guard let row, let names = try row.get("witnesses", as: WitnessNames?.self) else { return nil }
        let holder: NodeName? = try row.get("holder_node")
        let nodes = try session.query("SELECT id, name FROM nodes WHERE is_network_node = TRUE ORDER BY name")
            .map { (id: try $0.get("id", as: NodeID.self), name: try $0.get("name", as: NodeName.self)) }
        return Witnesses(
            nodes: nodes.filter { names.nodes.contains($0.id) && $0.name != holder }.map(\.name),
            outage: Duration(wholeMicroseconds: try row.get("outage_microseconds"))
        )
    }

    /// The lease as a candidate sees it; nil before anybody ever looked.
    ///
    /// A candidate is a witness by its `node`; one whose node is not known is none.
    package static func sighting(
        _ name: String,
        as node: NodeID? = nil,
        on session: borrowing Session
    ) throws -> ElectionState.Sighting? {
        try session.query(
            """
            SELECT holder, term, renewals, TIMESTAMPDIFF(MICROSECOND, renewed_at, expires_at) AS lease_microseconds,
                handing_over_term <=> term AS is_handing_over, successor, witnesses, outage_microseconds
            FROM leases WHERE name = \(name)
            """
        ).first.map { row in
            let witnesses: WitnessNames? = try row.get("witnesses")
            let outage: Int64? = try row.get("outage_microseconds")
            let isWitness = node.map { witnesses?.nodes.contains($0) == true } ?? false
            return ElectionState.Sighting(
                holder: try row.get("holder"),
                term: try row.get("term"),
                renewals: try row.get("renewals"),
                lease: Duration(wholeMicroseconds: try row.get("lease_microseconds")),
                isHandingOver: try row.get("is_handing_over"),
                successor: try row.get("successor"),
                outage: isWitness ? .zero : outage.map { Duration(wholeMicroseconds: $0) } ?? .zero
            )
        }
    }

    /// Reads the id of a node if it may be elected: it has the network role and is not being drained.
    package static func eligible(_ node: NodeName, on session: borrowing Session) throws -> NodeID? {
        try session.query(
            "SELECT id FROM nodes WHERE name = \(node) AND is_network_node = TRUE AND state = 'active'"
        ).first?.only()
    }

    /// Reads the nodes that may be elected, up to `limit`, with whether a netnode of each has a live session.
    package static func candidates(limit: Int, on session: borrowing Session) throws -> [WitnessCandidate] {
        try session.query(candidatesQuery(limit: limit)).map { row in
            WitnessCandidate(node: try row.get("id"), isLive: try row.get("is_live"))
        }
    }

    static func candidatesQuery(limit: Int) -> SQL {
        """
        SELECT n.id, EXISTS (
                SELECT 1 FROM sessions AS s
                WHERE s.node = n.id AND s.daemon = \(DaemonName.netnode) AND s.dead = FALSE
            ) AS is_live
        FROM nodes AS n WHERE n.is_network_node = TRUE AND n.state = 'active'
        ORDER BY n.name LIMIT \(limit)
        """
    }

    /// Makes the row of a lease that nobody has ever held; one that is there stays as it is.
    package static func create(_ name: String, on session: borrowing Session) throws(DatabaseError) {
        try session.execute(
            """
            INSERT INTO leases (name, renewed_at, expires_at) VALUES (\(name), NOW(6), NOW(6))
            ON DUPLICATE KEY UPDATE name = name
            """
        )
    }

    /// Reads the node that holds the lease of a term, whether or not it still runs; nil when it was given back.
    package static func holder(
        of name: String,
        term: UInt64,
        on session: borrowing Session
    ) throws -> NodeName? {
        try session.query("SELECT holder_node FROM leases WHERE name = \(name) AND term = \(term)").first?.only()
    }

    /// Takes the lease if it still is as it was seen, under the next term, which begins without a list of witnesses.
    ///
    /// The candidate has seen it stand still for all of its time, on its own clock; the database's is not asked,
    /// because it may have been set.
    ///
    /// - Returns: False when somebody else was faster, or it was renewed.
    package static func acquire(
        _ name: String,
        after seen: ElectionState.Sighting,
        by candidate: LeaseCandidate,
        lease: Duration,
        on session: borrowing Session
    ) throws(DatabaseError) -> Bool {
        try session.execute(
            """
            UPDATE leases
            SET holder = \(candidate.id), holder_node = \(candidate.node), successor = NULL, term = term + 1,
                renewals = renewals + 1, touched = touched + 1,
                witnesses = NULL, outage_microseconds = NULL, witness_list = 0,
                renewed_at = NOW(6), expires_at = NOW(6) + INTERVAL \(lease.wholeMicroseconds) MICROSECOND
            WHERE name = \(name) AND term = \(seen.term) AND renewals = \(seen.renewals)
            """
        ) == 1
    }

    /// Extends the lease of a term, and says what its holder does: whether it is heard in the role, which stays said
    /// of the term, and whether it waits for somebody to be ready.
    ///
    /// A list of witnesses replaces those with a lower number: a renewal that was given up may be executed later, and
    /// then extends the lease and leaves the list as it is. The leader's own node is named with the witnesses, because
    /// the gate in question is its own.
    ///
    /// - Returns: False when it is another's. One whose time is over by the database's clock, and that nobody has
    ///   taken, is still its holder's, who asks only before its own fence.
    package static func renew(
        _ name: String,
        term: UInt64,
        by candidate: LeaseCandidate,
        lease: Duration,
        isHeard: Bool = false,
        isHandingOver: Bool = false,
        list: WitnessList = .none,
        of leader: NodeID? = nil,
        outage: Duration = .zero,
        on session: borrowing Session
    ) throws(DatabaseError) -> Bool {
        let names = list.nodes.map { WitnessNames($0.union(leader.map { [$0] } ?? [])) }
        let microseconds = names.map { _ in outage.wholeMicroseconds }
        return try session.execute(
            """
            UPDATE leases
            SET renewals = renewals + 1, touched = touched + 1,
                serving_term = IF(\(isHeard), term, serving_term),
                handing_over_term = IF(\(isHandingOver), term, NULL),
                witnesses = IF(\(list.number) > witness_list, \(names), witnesses),
                outage_microseconds = IF(\(list.number) > witness_list, \(microseconds), outage_microseconds),
                witness_list = GREATEST(witness_list, \(list.number)),
                renewed_at = NOW(6), expires_at = NOW(6) + INTERVAL \(lease.wholeMicroseconds) MICROSECOND
            WHERE name = \(name) AND term = \(term) AND holder = \(candidate.id)
            """
        ) == 1
    }

    /// Gives the lease of a term back, to be taken by a successor before others; one that is another's by now stays
    /// as it is.
    ///
    /// - Returns: Whether it was given back.
    @discardableResult
    package static func resign(
        _ name: String,
        term: UInt64,
        by candidate: LeaseCandidate,
        to successor: SessionID? = nil,
        on session: borrowing Session
    ) throws(DatabaseError) -> Bool {
        try session.execute(
            """
            UPDATE leases
            SET holder = NULL, holder_node = NULL, successor = \(successor), renewals = renewals + 1, touched = touched + 1,
                renewed_at = NOW(6), expires_at = NOW(6)
            WHERE name = \(name) AND term = \(term) AND holder = \(candidate.id)
            """
        ) == 1
    }

    /// Touches the lease of a term in a transaction that writes under it: neither a change of holder nor, on a
    /// cluster of servers, a write under another term commits beside it.
    ///
    /// - Returns: False when it is another's.
    package static func hold(
        _ name: String,
        term: UInt64,
        holder: SessionID,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) -> Bool {
        try transaction.execute(
            """
            UPDATE leases SET touched = touched + 1
            WHERE name = \(name) AND term = \(term) AND holder = \(holder)
            """
        ) == 1
    }
}
