import ClusterModel
import MariaDB

/// The statements on a planned change of the elected role's holder.
package enum HandoverStatements {
    // MARK: The holder

    /// Reads the id of a node if it may still be elected, and who has asked the holder of a term to resign.
    package static func wishes(
        of name: String,
        term: UInt64,
        holder node: NodeName,
        on session: borrowing Session
    ) throws -> (eligible: NodeID?, resignation: ResignationID?) {
        let row = try session.query(
            """
            SELECT (SELECT id FROM nodes WHERE name = \(node) AND is_network_node AND state = 'active') AS eligible,
                (SELECT resignation FROM leases WHERE name = \(name) AND resignation_term = \(term)) AS resignation
            """
        )[0]
        return (try row.get("eligible"), try row.get("resignation"))
    }

    /// Reads the possible successors of the holder of a term, whose node is `node`.
    ///
    /// A word that is good for longer than candidates give it, `duration`, was given before the clock was set back. A
    /// request that a leader has made of itself, because of its data plane, is for one node: the others may be worse.
    package static func prospects(
        of name: String,
        term: UInt64,
        besides node: NodeName,
        goodFor duration: Duration,
        request: ResignationID? = nil,
        on session: borrowing Session
    ) throws -> Handover.Prospects {
        let ready = try session.query(
            """
            SELECT candidate, strength FROM ready_candidates
            WHERE lease = \(name) AND term = \(term) AND node <> \(node) AND expires_at > NOW(6)
                AND expires_at <= NOW(6) + INTERVAL \(duration.wholeMicroseconds) MICROSECOND + \(sql: LeaseTime.tolerance)
                AND NOT EXISTS (SELECT 1 FROM data_plane_handovers AS h
                    WHERE h.lease = \(name) AND h.resignation = \(request) AND h.successor <> ready_candidates.node)
            """
        ).map { Handover.Candidate(id: try $0.get("candidate"), strength: try $0.get("strength")) }
        let someoneStands = try session.query(
            """
            SELECT EXISTS (
                SELECT 1 FROM nodes AS n JOIN sessions AS s ON s.node = n.id
                WHERE n.is_network_node AND n.state = 'active' AND n.name <> \(node)
                    AND s.daemon = \(DaemonName.netnode) AND s.dead = FALSE
            )
            """
        )[0].only(Bool.self)
        return Handover.Prospects(ready: ready, someoneStands: someoneStands)
    }

    /// Tells whoever asked the holder of a term to resign that it stays, and why.
    ///
    /// - Returns: False when the term is over, or nobody asks any more.
    package static func refuse(
        _ resignation: ResignationID,
        of name: String,
        term: UInt64,
        by candidate: LeaseCandidate,
        because refusal: Handover.Refusal,
        on session: borrowing Session
    ) throws(DatabaseError) -> Bool {
        try session.execute(
            """
            UPDATE leases
            SET resignation = NULL, resignation_term = NULL, handing_over_term = NULL,
                refused_resignation = \(resignation), refusal = \(refusal)
            WHERE name = \(name) AND term = \(term) AND holder = \(candidate.id) AND resignation = \(resignation)
            """
        ) == 1
    }

    // MARK: Candidates

    /// Says that a candidate could take over at once from the holder of a term; good for a while.
    package static func sayReady(
        _ candidate: LeaseCandidate,
        for name: String,
        after term: UInt64,
        strength: Int,
        goodFor duration: Duration,
        on session: borrowing Session
    ) throws(DatabaseError) {
        try session.execute(
            """
            INSERT INTO ready_candidates (lease, node, candidate, term, strength, expires_at)
            VALUES (\(name), \(candidate.node), \(candidate.id), \(term), \(strength),
                NOW(6) + INTERVAL \(duration.wholeMicroseconds) MICROSECOND)
            ON DUPLICATE KEY UPDATE candidate = VALUES(candidate), term = VALUES(term), strength = VALUES(strength),
                expires_at = VALUES(expires_at)
            """
        )
    }

    /// Takes back what a candidate has said by ``sayReady(_:for:after:strength:goodFor:on:)``.
    package static func unsayReady(
        _ candidate: LeaseCandidate,
        for name: String,
        on session: borrowing Session
    ) throws(DatabaseError) {
        try session.execute(
            """
            DELETE FROM ready_candidates
            WHERE lease = \(name) AND node = \(candidate.node) AND candidate = \(candidate.id)
            """
        )
    }

    // MARK: Whoever asks

    /// The state of a lease, for somebody who waits for its holder to change.
    package struct Course: Sendable, Hashable {
        /// The node that holds it; nil when none does, or its lease has expired.
        package let holder: NodeName?
        package let term: UInt64
        /// A Boolean value that indicates whether the holder has begun to serve under its term.
        package let isServed: Bool
        /// The request that the holder of this term has before it.
        package let resignation: ResignationID?
        /// The last request that a holder did not follow, and why.
        package let refused: ResignationID?
        package let refusal: Handover.Refusal?
    }

    /// Reads the state of a lease; nil before anybody ever stood for it.
    package static func course(of name: String, on session: borrowing Session) throws -> Course? {
        try session.query(
            """
            SELECT IF(\(sql: LeaseTime.runs()), holder_node, NULL) AS holder, term, serving_term <=> term AS is_served,
                IF(resignation_term = term, resignation, NULL) AS resignation, refused_resignation, refusal
            FROM leases WHERE name = \(name)
            """
        ).first.map { row in
            Course(
                holder: try row.get("holder"),
                term: try row.get("term"),
                isServed: try row.get("is_served"),
                resignation: try row.get("resignation"),
                refused: try row.get("refused_resignation"),
                refusal: try row.get("refusal")
            )
        }
    }

    /// Asks the holder of a term to resign, unless somebody has asked it before.
    ///
    /// - Returns: Whether the request stands; false when another one does, or the term is over.
    package static func ask(
        holderOf name: String,
        term: UInt64,
        toResign resignation: ResignationID,
        on session: borrowing Session
    ) throws(DatabaseError) -> Bool {
        try session.execute(
            """
            UPDATE leases SET resignation = \(resignation), resignation_term = term
            WHERE name = \(name) AND term = \(term) AND holder IS NOT NULL
                AND (resignation IS NULL OR resignation_term < term)
            """
        ) == 1
    }

    /// Takes a request back that its holder has not followed.
    ///
    /// - Returns: Whether it was still there.
    package static func withdraw(
        _ resignation: ResignationID,
        of name: String,
        on session: borrowing Session
    ) throws(DatabaseError) -> Bool {
        try session.execute(
            """
            UPDATE leases SET resignation = NULL, resignation_term = NULL
            WHERE name = \(name) AND resignation = \(resignation)
            """
        ) == 1
    }
}
