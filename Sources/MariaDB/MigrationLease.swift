import Logging

/// The right to migrate a schema, which one migrator has at a time: a row that is renewed.
///
/// Not a lock of the server, because a cluster of servers grants one on two of them at once. A row is taken by a single
/// statement that names what was seen of it, so of two that take it one succeeds, on any servers. It is free when it
/// was given back, or when it has stood still for its lease on the *taker's* clock, as after a migrator was killed. One
/// that was only stopped finds its lease gone before its next step is recorded; what it has run is repeated, which does
/// no harm.
public struct MigrationLease: Sendable {
    /// The time for which a lease is not taken although it is not renewed.
    let duration: Duration
    /// The time for which another migrator is waited for; ours take seconds, an ALTER of a large table longer.
    let patience: Duration
    private let id: String
    private let holder: String

    /// The default: two renewals may be missed, and a killed migrator holds the next one up for ten seconds.
    public static let standard: Duration = .seconds(10)

    /// The interval at which it is renewed while a step takes long.
    var renewInterval: Duration { duration / 4 }

    private static let pauseBetweenLooks: Double = 0.1

    /// Makes a lease of a migrator's own, which is not taken yet; `holder` is for people.
    public init(
        holder: String = "an unnamed program",
        duration: Duration = standard,
        patience: Duration = .seconds(60)
    ) {
        self.duration = duration
        self.patience = patience
        self.holder = holder
        id = String(UInt64.random(in: .min ... .max), radix: 16)
    }

    static func create(on session: borrowing Session) throws(DatabaseError) {
        try session.execute(
            """
            CREATE TABLE IF NOT EXISTS migration_lease (
                id TINYINT UNSIGNED NOT NULL,
                -- Null when it was given back.
                owner VARCHAR(16) CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
                holder VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
                -- Rises with every renewal, and every change of owner.
                renewals BIGINT UNSIGNED NOT NULL,
                renewed_at DATETIME(6) NOT NULL,
                expires_at DATETIME(6) NOT NULL,
                PRIMARY KEY (id),
                CONSTRAINT one_migration_lease CHECK (id = 1)
            ) ENGINE = InnoDB
            """
        )
        try session.execute(
            """
            INSERT INTO migration_lease (id, renewals, renewed_at, expires_at) VALUES (1, 0, NOW(6), NOW(6))
            ON DUPLICATE KEY UPDATE id = id
            """
        )
    }

    private struct Sighting: Equatable {
        let renewals: UInt64
        let holder: String?
        let lease: Duration
    }

    /// Takes the lease, or waits for its holder.
    ///
    /// - Throws: `Migrator.Refusal` when another one still holds it after ``patience``.
    func acquire(on session: borrowing Session) throws {
        let begun = ContinuousClock.now
        var seen = try sighting(on: session)
        var since = ContinuousClock.now
        while true {
            let isFree = seen.holder == nil || ContinuousClock.now - since >= seen.lease
            if isFree, try take(after: seen, on: session) { return }
            guard ContinuousClock.now - begun < patience else {
                throw Migrator.Refusal.anotherMigratorIsRunning(seen.holder ?? "an unnamed program")
            }
            try session.pause(seconds: Self.pauseBetweenLooks)
            let now = try sighting(on: session)
            if now != seen { (seen, since) = (now, .now) }
        }
    }

    private func sighting(on session: borrowing Session) throws -> Sighting {
        let rows = try session.query(
            """
            SELECT renewals, IF(owner IS NULL, NULL, COALESCE(holder, '')) AS holder,
                TIMESTAMPDIFF(MICROSECOND, renewed_at, expires_at) AS lease_microseconds
            FROM migration_lease WHERE id = 1
            """
        )
        guard let row = rows.first else { return Sighting(renewals: 0, holder: nil, lease: .zero) }
        let microseconds: Int64 = try row.get("lease_microseconds")
        return Sighting(
            renewals: try row.get("renewals"),
            holder: try row.get("holder"),
            lease: .microseconds(microseconds)
        )
    }

    /// - Returns: False when somebody else was faster, or it was renewed.
    private func take(after seen: Sighting, on session: borrowing Session) throws(DatabaseError) -> Bool {
        do {
            return try session.execute(
                """
                UPDATE migration_lease
                SET owner = \(id), holder = \(holder), renewals = renewals + 1, renewed_at = NOW(6),
                    expires_at = NOW(6) + INTERVAL \(microseconds) MICROSECOND
                WHERE id = 1 AND renewals = \(seen.renewals)
                """
            ) == 1
        } catch {
            // On a cluster of servers the slower one of two is a deadlock's victim.
            guard error.code == .deadlock else { throw error }
            return false
        }
    }

    private var microseconds: Int64 {
        let (seconds, attoseconds) = duration.components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    /// Extends the lease.
    ///
    /// - Returns: False when it is another's.
    func renew(on session: borrowing Session) throws(DatabaseError) -> Bool {
        try session.execute(renewal) == 1
    }

    private var renewal: SQL {
        """
        UPDATE migration_lease
        SET renewals = renewals + 1, renewed_at = NOW(6),
            expires_at = NOW(6) + INTERVAL \(microseconds) MICROSECOND
        WHERE id = 1 AND owner = \(id)
        """
    }

    /// Writes in a transaction that commits only while the lease is this migrator's.
    ///
    /// - Throws: `Migrator.Refusal.leaseLost` when it is another's.
    func confirm(
        on session: borrowing Session,
        _ write: (borrowing Transaction) throws(DatabaseError) -> Void
    ) throws {
        try session.transaction { transaction in
            guard try transaction.execute(renewal) == 1 else { throw Migrator.Refusal.leaseLost }
            try write(transaction)
        }
    }

    /// Gives the lease back; one that is another's by now stays as it is.
    func release(on session: borrowing Session) {
        // Best effort: it is over in a lease.
        _ = try? session.execute(
            """
            UPDATE migration_lease SET owner = NULL, holder = NULL, renewals = renewals + 1, expires_at = NOW(6)
            WHERE id = 1 AND owner = \(id)
            """
        )
    }
}

extension Migrator {
    /// Migrates over one connection of a pool, and renews the lease over another one while a step takes long.
    ///
    /// - Parameters:
    ///   - database: At least two connections.
    ///   - lease: Of this migrator alone.
    ///   - logger: Told of each step.
    ///   - finish: Runs on the connection afterwards.
    /// - Returns: The status after it.
    /// - Throws: As ``migrate(on:lease:logger:)``.
    package func migrate(
        _ database: Database,
        lease: MigrationLease,
        logger: Logger,
        finish: @escaping @Sendable (borrowing Session) throws -> Void = { _ in }
    ) async throws -> Status {
        try await withThrowingTaskGroup(of: Status?.self) { group in
            group.addTask {
                try await database.withSession { session in
                    let status = try migrate(on: session, lease: lease, logger: logger)
                    try finish(session)
                    return status
                }
            }
            group.addTask {
                // The pace of renewals, four in a lease: no event tells that a step takes long. Before the lease is
                // taken there is nothing to renew; a renewal that fails is made up for by the next.
                while (try? await Task.sleep(for: lease.renewInterval)) != nil {
                    _ = try? await database.withSession { try lease.renew(on: $0) }
                }
                return nil
            }
            defer { group.cancelAll() }
            while let status = try await group.next() { if let status { return status } }
            preconditionFailure("the first task returns a status or throws")
        }
    }
}
