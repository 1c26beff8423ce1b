import Logging

/// One step of a schema's history.
///
/// DDL commits by itself in MariaDB, so a step is a single statement that may be run
/// again after a crash between its effect and its record (`CREATE TABLE IF NOT EXISTS`, `ADD COLUMN IF NOT EXISTS`).
public struct Migration: Sendable, Hashable {
    /// 1, 2, 3 … without gaps.
    public let version: Int
    /// The purpose of the step, in the words of its file's name.
    public let name: String
    /// One statement without a terminating semicolon.
    public let statement: String

    /// Creates a step; the statement is part of the program, never of its input.
    public init(version: Int, name: String, statement: String) {
        self.version = version
        self.name = name
        self.statement = statement
    }
}

/// Brings a schema to the version of the program, and tells how far it is.
public struct Migrator: Sendable {
    /// The state of a schema's migration.
    public struct Status: Sendable, Hashable {
        /// The last step recorded as finished; 0 for an empty schema.
        public let version: Int
        /// The last step that this program knows.
        public let binaryVersion: Int

        /// A Boolean value that indicates whether the schema is what this program expects.
        public var isMigrated: Bool { version == binaryVersion }
        /// A Boolean value that indicates whether a newer program has migrated this schema; then this one must not
        /// touch it.
        public var isNewerThanBinary: Bool { version > binaryVersion }
    }

    /// The reason for which nothing was migrated.
    public enum Refusal: Error, Sendable, Hashable, CustomStringConvertible {
        case databaseIsNewer(Status)
        case anotherMigratorIsRunning
        /// A row that is there already breaks a rule that a step adds; the schema stays at the step before.
        case rowsBreakRule(version: Int, name: String, why: String)

        /// The canonical text.
        public var description: String {
            switch self {
            case .databaseIsNewer(let status):
                "the database is at version \(status.version), this program knows versions up to "
                    + "\(status.binaryVersion): use the newer program"
            case .anotherMigratorIsRunning:
                "another migration has been running for over a minute: wait for it, or look for it in SHOW PROCESSLIST"
            case .rowsBreakRule(let version, let name, let why):
                "step \(version), '\(name)', is refused by a row that is there, and the schema stays at version \(version - 1): "
                    + "\(why); correct that row by SQL and migrate again"
            }
        }
    }

    /// The number of seconds to wait for another migrator; ours take seconds, an ALTER of a large table longer.
    static let lockWaitSeconds = 60

    private let migrations: [Migration]

    /// Takes the whole history, in order.
    ///
    /// - Precondition: Versions are 1, 2, 3 … without gaps.
    public init(_ migrations: [Migration]) {
        precondition(
            migrations.map(\.version) == Array(1..<(migrations.count + 1)),
            "migrations are numbered 1, 2, 3 …"
        )
        self.migrations = migrations
    }

    /// The version of a schema on which every step was run.
    public var latest: Int { migrations.count }

    /// Judges a version that was read by other means.
    public func status(at version: Int) -> Status {
        Status(version: version, binaryVersion: latest)
    }

    /// Reads where the schema stands; writes nothing.
    public func status(on session: borrowing Session) throws -> Status {
        let exists = try session.query(
            """
            SELECT COUNT(*) FROM information_schema.tables
            WHERE table_schema = DATABASE() AND table_name = 'schema_migrations'
            """
        )
        guard try exists.first?.only(Int.self) == 1 else {
            return Status(version: 0, binaryVersion: migrations.count)
        }
        let rows = try session.query(
            "SELECT COALESCE(MAX(version), 0) FROM schema_migrations WHERE finished_at IS NOT NULL"
        )
        return Status(version: try rows.first?.only(Int.self) ?? 0, binaryVersion: migrations.count)
    }

    /// Runs the steps that are missing, each recorded when it has finished.
    ///
    /// Two migrators take turns by a lock of the server; on Galera, which refuses such locks, they rely on every step
    /// being repeatable.
    /// - Returns: The status after it.
    /// - Throws: `Refusal`, or a `DatabaseError` of the step that failed; the steps before it stay.
    public func migrate(on session: borrowing Session, logger: Logger) throws -> Status {
        try session.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                version INT UNSIGNED NOT NULL,
                name VARCHAR(128) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
                started_at DATETIME(6) NOT NULL,
                finished_at DATETIME(6) NULL,
                PRIMARY KEY (version)
            ) ENGINE = InnoDB
            """
        )
        let holdsLock = try lock(session)
        defer { if holdsLock { _ = try? session.query("SELECT RELEASE_LOCK(CONCAT('migrate.', DATABASE()))") } }

        let before = try status(on: session)
        if before.isNewerThanBinary { throw Refusal.databaseIsNewer(before) }
        for migration in migrations.dropFirst(before.version) {
            try session.execute(
                """
                INSERT INTO schema_migrations (version, name, started_at)
                VALUES (\(migration.version), \(migration.name), NOW(6))
                ON DUPLICATE KEY UPDATE started_at = NOW(6)
                """
            )
            try run(migration, on: session)
            try session.execute(
                "UPDATE schema_migrations SET finished_at = NOW(6) WHERE version = \(migration.version)"
            )
            logger.info("migrated", metadata: ["version": "\(migration.version)", "name": "\(migration.name)"])
        }
        return try status(on: session)
    }

    /// Runs a step again, to restore what it has made; it does nothing where that is there.
    package func repeatStep(_ version: Int, on session: borrowing Session) throws {
        try run(migrations[version - 1], on: session)
    }

    private func run(_ migration: Migration, on session: borrowing Session) throws {
        do throws(DatabaseError) {
            try session.execute(SQL(trustedText: migration.statement))
        } catch {
            guard error.code == .checkViolated else { throw error }
            // The server says which rule of which table; the row it does not name.
            throw Refusal.rowsBreakRule(version: migration.version, name: migration.name, why: "\(error)")
        }
    }

    private func lock(_ session: borrowing Session) throws -> Bool {
        do {
            let rows: [Row] = try session.query(
                "SELECT GET_LOCK(CONCAT('migrate.', DATABASE()), \(Self.lockWaitSeconds))"
            )
            guard try rows.first?.only(Int?.self) == .some(1) else { throw Refusal.anotherMigratorIsRunning }
            return true
        } catch let error as DatabaseError where .notSupportedYet ~= error {
            return false
        }
    }
}
