import ClusterModel
import MariaDB

/// The statements on the leased identities of worker processes.
package enum SessionStatements {
    /// The facts that a process gives about itself when it opens a session.
    package struct Opening: Sendable {
        package let id: SessionID
        package let daemon: DaemonName
        package let node: NodeID
        package let nodeName: NodeName
        package let pid: Int
        package let slots: Int
        package let doorbell: HostPort?
        package let lease: Duration

        package init(
            id: SessionID,
            daemon: DaemonName,
            node: NodeID,
            nodeName: NodeName,
            pid: Int,
            slots: Int,
            doorbell: HostPort?,
            lease: Duration
        ) {
            self.id = id
            self.daemon = daemon
            self.node = node
            self.nodeName = nodeName
            self.pid = pid
            self.slots = slots
            self.doorbell = doorbell
            self.lease = lease
        }
    }

    package static func open(_ opening: Opening, on session: borrowing Session) throws(DatabaseError) {
        try session.execute(
            """
            INSERT INTO sessions
                (id, daemon, node, node_name, pid, slots, doorbell, server, lease_microseconds, started_at, renewed_at,
                expires_at)
            VALUES (\(opening.id), \(opening.daemon), \(opening.node), \(opening.nodeName), \(opening.pid),
                \(opening.slots), \(opening.doorbell?.description), \(session.server),
                \(opening.lease.wholeMicroseconds), NOW(6), NOW(6),
                NOW(6) + INTERVAL \(opening.lease.wholeMicroseconds) MICROSECOND)
            """
        )
    }

    /// Extends the lease of a session that nobody has marked dead.
    ///
    /// By key: the optimizer would look into the index of living sessions as well, each time, before it takes the key.
    ///
    /// Whether its lease is over by the database's clock does not matter: that clock may have been set. The holder
    /// ends by its own monotonic clock, and a reaper marks it dead by what it has seen on its own.
    ///
    /// - Returns: False when the session is dead: it must not act any more.
    package static func renew(
        _ id: SessionID,
        lease: Duration,
        doorbell: HostPort?,
        on session: borrowing Session
    ) throws(DatabaseError) -> Bool {
        try session.execute(
            """
            UPDATE sessions FORCE INDEX (PRIMARY)
            SET renewals = renewals + 1, renewed_at = NOW(6), doorbell = \(doorbell?.description),
                server = \(session.server),
                expires_at = NOW(6) + INTERVAL \(lease.wholeMicroseconds) MICROSECOND
            WHERE id = \(id) AND dead = FALSE
            """
        ) == 1
    }

    /// Ends a session by its own will: what it still holds is returned by the next reaper's pass.
    package static func close(_ id: SessionID, on session: borrowing Session) throws(DatabaseError) {
        try session.execute("UPDATE sessions SET dead = TRUE WHERE id = \(id)")
    }

    /// Reads the sessions that follow one in the ring and are not marked dead.
    package static func ring(
        after position: SessionID,
        _ reading: RingReading,
        on session: borrowing Session
    ) throws -> ReaperWatch.Window {
        var rows = RingRows()
        for row in try session.query(ringQuery(after: position, reading)) { _ = try rows.take(row) }
        return rows.window(reading)
    }

    /// The rows of ``ringQuery(after:_:)``, as they come among others.
    struct RingRows {
        private var following: [ReaperWatch.Sighting] = []
        private var wrapped: [ReaperWatch.Sighting] = []

        /// Returns whether the row is one of them.
        mutating func take(_ row: borrowing Row) throws -> Bool {
            let subject: String = try row.get("subject")
            guard ["following", "wrapped"].contains(subject) else { return false }
            let sighting = ReaperWatch.Sighting(
                session: try row.get("id"),
                renewals: try row.get("number"),
                lease: Duration(wholeMicroseconds: try row.get("detail"))
            )
            if subject == "following" { following.append(sighting) } else { wrapped.append(sighting) }
            return true
        }

        func window(_ reading: RingReading) -> ReaperWatch.Window {
            ReaperWatch.Window(reading, following: following, wrapped: wrapped)
        }
    }

    /// One or two ranges of an index that no renewal writes, each as long as the reading is wide.
    package static func ringQuery(after position: SessionID, _ reading: RingReading) -> SQL {
        func range(_ subject: SQL, _ condition: SQL) -> SQL {
            """
            (SELECT \(sql: subject) AS subject, id, CAST(renewals AS SIGNED) AS number,
                CAST(lease_microseconds AS SIGNED) AS detail, NULL AS name
            FROM sessions FORCE INDEX (living_sessions)
            WHERE dead = FALSE AND \(sql: condition)
            ORDER BY id LIMIT \(reading.width))
            """
        }
        let following = range("'following'", "id > \(position)")
        guard reading.wraps else { return following }
        return "\(sql: following) UNION ALL \(sql: range("'wrapped'", "id < \(position)"))"
    }

    /// The other sessions of a node and daemon that are not marked dead; more than a few are copies of one
    /// configuration.
    package static func others(
        of daemon: DaemonName,
        on node: NodeID,
        than id: SessionID,
        on session: borrowing Session
    ) throws -> [TwinWatch.Twin] {
        try session.query(
            """
            SELECT id, pid, renewals, GREATEST(0, TIMESTAMPDIFF(SECOND, started_at, NOW(6))) AS age
            FROM sessions WHERE node = \(node) AND daemon = \(daemon) AND dead = FALSE AND id <> \(id)
            ORDER BY started_at LIMIT \(mostTwins)
            """
        ).map { row in
            TwinWatch.Twin(
                session: try row.get("id"),
                pid: try row.get("pid"),
                renewals: try row.get("renewals"),
                age: .seconds(try row.get("age", as: Int.self))
            )
        }
    }

    /// Sessions of one node and daemon that are told of.
    private static let mostTwins = 20

    /// Marks a session dead whose counter still is what the reaper saw; a renewal in between saves it.
    package static func markDead(
        _ id: SessionID,
        renewals: UInt64,
        on session: borrowing Session
    ) throws(DatabaseError) -> Bool {
        try session.execute(
            "UPDATE sessions SET dead = TRUE WHERE id = \(id) AND renewals = \(renewals) AND dead = FALSE"
        ) == 1
    }

    /// Operations that no living session runs, found anew at every pass: a claim that commits after its session's
    /// death is found too.
    package static func orphans(limit: Int, on session: borrowing Session) throws -> [OperationID] {
        try session.query(orphansQuery(limit: limit)).map { try $0.only() }
    }

    package static func orphansQuery(limit: Int) -> SQL {
        """
        SELECT w.id
        FROM work_queue AS w FORCE INDEX (work_by_session)
            LEFT JOIN sessions AS s ON s.id = w.session AND s.dead = FALSE
        WHERE w.session IS NOT NULL AND s.id IS NULL
        LIMIT \(limit)
        """
    }

    /// Locks those of the orphans that still are.
    package static func lockOrphans(
        _ ids: [OperationID],
        ifHeld held: RowLock,
        in transaction: borrowing Transaction
    ) throws -> [(OperationID, Int)] {
        try transaction.query(
            """
            SELECT w.id, w.deliveries
            FROM work_queue AS w FORCE INDEX (PRIMARY)
            WHERE w.id IN (\(list: ids)) AND w.state = 'executing'
                AND NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = w.session AND s.dead = FALSE)
            ORDER BY w.id
            FOR UPDATE \(sql: held.clause)
            """
        ).map { try $0.decode((OperationID, Int).self) }
    }

    /// Reads the operations of some queues that other nodes run, without a lock.
    package static func runElsewhere(
        _ queues: [QueueName],
        than node: NodeName,
        limit: Int,
        on session: borrowing Session
    ) throws -> [OperationID] {
        try session.query(
            """
            SELECT id FROM work_queue FORCE INDEX (claim)
            WHERE queue_name IN (\(list: queues)) AND state = 'executing' AND worker_node <> \(node)
            LIMIT \(limit)
            """
        ).map { try $0.only() }
    }

    /// Locks those operations that other nodes still run.
    package static func lockRunElsewhere(
        _ ids: [OperationID],
        than node: NodeName,
        ifHeld held: RowLock,
        in transaction: borrowing Transaction
    ) throws -> [(OperationID, Int)] {
        try transaction.query(
            """
            SELECT id, deliveries
            FROM work_queue FORCE INDEX (PRIMARY)
            WHERE id IN (\(list: ids)) AND state = 'executing' AND worker_node <> \(node)
            ORDER BY id
            FOR UPDATE \(sql: held.clause)
            """
        ).map { try $0.decode((OperationID, Int).self) }
    }

    /// Forgets dead sessions that no operation and no sample names any more, an hour after their last sign of life.
    ///
    /// Read first, without a lock, and deleted by key: one statement would lock the rows of `work_queue` that it
    /// looks at. The samples are joined, because MariaDB would make a table of all of them for a subquery. A claim
    /// that still commits under a forgotten session is an orphan like any other.
    package static func forgetDead(on session: borrowing Session) throws {
        let forgotten = try session.query(
            """
            SELECT s.id
            FROM sessions AS s
                LEFT JOIN supervised_processes AS p FORCE INDEX (supervised_by_session) ON p.session = s.id
            WHERE s.dead = TRUE AND s.renewed_at < NOW(6) - INTERVAL 1 HOUR AND p.session IS NULL
                AND NOT EXISTS (
                    SELECT 1 FROM work_queue AS w FORCE INDEX (work_by_session) WHERE w.session = s.id)
            LIMIT \(mostForgottenAtOnce)
            """
        ).map { try $0.only(SessionID.self) }
        try session.executeBatch(forgotten) { "DELETE FROM sessions WHERE id = \($0) AND dead = TRUE" }
    }

    /// Sessions forgotten by one pass: a thousand workers that crash once an hour are kept up with.
    private static let mostForgottenAtOnce = 1000

    /// An operation that the database believes a session runs.
    package struct Executing: Sendable, Hashable {
        package let id: OperationID
        package let delivery: Int
        package let isCancelRequested: Bool
    }

    /// Reads the operations that the database believes a session runs, and which of them somebody wants ended.
    package static func executing(_ id: SessionID, on session: borrowing Session) throws -> [Executing] {
        try session.query(
            """
            SELECT id, deliveries, cancel_requested_at IS NOT NULL
            FROM work_queue FORCE INDEX (work_by_session) WHERE session = \(id)
            """
        ).map { row in
            let (id, delivery, isCancelRequested) = try row.decode((OperationID, Int, Bool).self)
            return Executing(id: id, delivery: delivery, isCancelRequested: isCancelRequested)
        }
    }

    /// Reads the doorbell of the process of a session that nobody has marked dead; here and below its lease is not
    /// asked for, because a wake-up in vain costs a datagram, and one that is missing a slow poll.
    package static func doorbell(of id: SessionID, on session: borrowing Session) throws -> HostPort? {
        let text: String? = try session.query(
            "SELECT doorbell FROM sessions WHERE id = \(id) AND dead = FALSE"
        ).first?.only(String?.self)
        // As below: one that does not parse is nobody's.
        return text.flatMap { try? HostPort($0) }
    }

    /// Reads the doorbell of some session, a random one: a process that can reach us, and that we can reach.
    package static func someDoorbell(on session: borrowing Session) throws -> HostPort? {
        let position = SessionID.random()
        func first(_ condition: SQL) -> SQL {
            """
            (SELECT doorbell FROM sessions FORCE INDEX (living_sessions)
            WHERE dead = FALSE AND doorbell IS NOT NULL AND \(sql: condition)
            ORDER BY id LIMIT 1)
            """
        }
        let text: String? = try session.query(
            "\(sql: first("id > \(position)")) UNION ALL \(sql: first("id < \(position)"))"
        ).first?.only(String?.self)
        return text.flatMap { try? HostPort($0) }
    }

    /// The doorbells of the sessions of a daemon, of one node or of all.
    package static func doorbells(
        _ daemon: DaemonName,
        node: NodeName?,
        on session: borrowing Session
    ) throws -> [HostPort] {
        let condition: SQL = node.map { "AND node_name = \($0)" } ?? ""
        let texts = try session.query(
            """
            SELECT doorbell FROM sessions
            WHERE daemon = \(daemon) AND dead = FALSE AND doorbell IS NOT NULL
                \(sql: condition)
            """
        ).map { try $0.only(String.self) }
        // A doorbell that does not parse is nobody's: losing it costs a slow poll.
        return texts.compactMap { try? HostPort($0) }
    }

    /// Returns whether a node takes new work; one that has been removed does not.
    package static func takesWork(_ node: NodeID, on session: borrowing Session) throws -> Bool {
        try session.query("SELECT state = 'active' FROM nodes WHERE id = \(node)").first?.only() ?? false
    }

    /// A node as a daemon finds itself.
    package static func node(
        _ name: NodeName,
        on session: borrowing Session
    ) throws -> (id: NodeID, address: IPv4Address, isDraining: Bool)? {
        try session.query("SELECT id, underlay_address, state = 'draining' FROM nodes WHERE name = \(name)").first?
            .decode((NodeID, IPv4Address, Bool).self)
    }
}
