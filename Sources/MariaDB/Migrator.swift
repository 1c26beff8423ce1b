import Logging

/// One step of a schema's history.
///
/// DDL commits by itself in MariaDB, so a step is a single statement that may be run
/// again after a crash between its effect and its record (`CREATE TABLE IF NOT EXISTS`, `ADD COLUMN IF NOT EXISTS`).
public struct Migration: Sendable, Hashable {
    /// 1, 2, 3 …, ascending.
    public let version: Int
    /// The purpose of the step, in the words of its file's name.
    public let name: String
    /// One statement without a terminating semicolon.
    public let statement: String
    /// A Boolean value that indicates whether programs that do not know the step work on after it.
    public let isAdditive: Bool

    /// Creates a step; the statement is part of the program, never of its input.
    public init(version: Int, name: String, statement: String, isAdditive: Bool = false) {
        self.version = version
        self.name = name
        self.statement = statement
        self.isAdditive = isAdditive
    }

    /// A Boolean value that indicates whether it changes nothing but the table's definition, and so is over in
    /// milliseconds once the table is free.
    var isInstant: Bool { statement.contains("ALGORITHM = INSTANT") }
}

/// Brings a schema to the version of the program, and tells how far it is.
///
/// Migrators take turns by ``MigrationLease``. A schema has a *compatibility floor*: the oldest version whose programs
/// work with it. Each step that is not additive raises it to its own version, before it begins.
public struct Migrator: Sendable {
    /// The state of a schema's migration.
    public struct Status: Sendable, Hashable {
        /// The last step recorded as finished; 0 for an empty schema.
        public let version: Int
        /// The oldest version whose programs work with the schema.
        public let floor: Int
        /// The last step that this program knows.
        public let binaryVersion: Int
        /// A Boolean value that indicates whether it was migrated by programs that know of a floor.
        let hasFloor: Bool

        /// A Boolean value that indicates whether every step that this program knows is done.
        public var isMigrated: Bool { hasFloor && version >= binaryVersion }
        /// A Boolean value that indicates whether a newer program has changed the schema so that this one must not
        /// touch it.
        public var isTooNew: Bool { floor > binaryVersion }
        /// A Boolean value that indicates whether this program works with the schema.
        public var isUsable: Bool { isMigrated && !isTooNew }
    }

    /// The steps that a migration would run.
    public struct Plan: Sendable, Hashable {
        /// The state of the schema.
        public let status: Status
        /// The missing steps, in order.
        public let steps: [Migration]
        /// The compatibility floor after them.
        public let floor: Int

        /// A Boolean value that indicates whether programs of the version at which the schema stands work on.
        public var leavesProgramsWorking: Bool { status.version == 0 || floor <= status.version }
    }

    /// The reason for which nothing was migrated.
    public enum Refusal: Error, Sendable, Hashable, CustomStringConvertible {
        case databaseIsNewer(Status)
        /// Named by its holder.
        case anotherMigratorIsRunning(String)
        /// Another migrator has taken over, because this one was silent for its lease; what it began is repeated.
        case leaseLost
        /// Others have used the table at each attempt.
        case tableInUse(version: Int, name: String)
        /// A row that is there already breaks a rule that a step adds; the schema stays at the step before.
        case rowsBreakRule(version: Int, name: String, why: String)

        /// The canonical text.
        public var description: String {
            switch self {
            case .databaseIsNewer(let status):
                "the database is at version \(status.version) and takes programs from version \(status.floor) on; this "
                    + "one knows versions up to \(status.binaryVersion): use the newer program"
            case .anotherMigratorIsRunning(let holder):
                "another migration has been running for over a minute, by \(holder): wait for it"
            case .leaseLost:
                "another migration has taken over from this one, which did not renew its lease: look at 'clusterctl db "
                    + "status', and migrate again if it stands still"
            case .tableInUse(let version, let name):
                "step \(version), '\(name)', has not got its table for itself, and the schema stays at version "
                    + "\(version - 1): a transaction has been open for long; look for it in SHOW PROCESSLIST, and "
                    + "migrate again"
            case .rowsBreakRule(let version, let name, let why):
                "step \(version), '\(name)', is refused by a row that is there, and the schema stays at version "
                    + "\(version - 1): \(why); correct that row by SQL and migrate again"
            }
        }
    }

    private let migrations: [Migration]

    /// Takes the whole history, in order.
    ///
    /// - Precondition: Versions ascend.
    public init(_ migrations: [Migration]) {
        precondition(
            zip(migrations, migrations.dropFirst()).allSatisfy { $0.version < $1.version },
            "the numbers of migrations ascend"
        )
        self.migrations = migrations
    }

    /// The version of a schema on which every step was run.
    public var latest: Int { migrations.last?.version ?? 0 }

    /// Judges a version and a floor that were read by other means.
    public func status(at version: Int, floor: Int) -> Status {
        Status(version: version, floor: floor, binaryVersion: latest, hasFloor: true)
    }

    /// Reads where the schema stands; writes nothing.
    public func status(on session: borrowing Session) throws -> Status {
        let columns = try session.query(
            """
            SELECT column_name FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'schema_migrations'
            """
        ).map { try $0.only(String.self) }
        guard !columns.isEmpty else { return status(at: 0, floor: 0) }
        // A schema that only older programs have migrated has no floor but its version.
        let hasFloor = columns.contains("compatibility_floor")
        let floor: SQL = hasFloor ? "COALESCE(compatibility_floor, version)" : "version"
        let row = try session.query(
            """
            SELECT COALESCE(MAX(IF(finished_at IS NOT NULL, version, NULL)), 0), COALESCE(MAX(\(sql: floor)), 0)
            FROM schema_migrations
            """
        ).first
        let (version, lowest) = try row?.decode((Int, Int).self) ?? (0, 0)
        return Status(version: version, floor: lowest, binaryVersion: latest, hasFloor: hasFloor)
    }

    /// Reads what a migration would do; writes nothing.
    ///
    /// - Throws: `Refusal` when the schema is too new for this program.
    public func plan(on session: borrowing Session) throws -> Plan {
        let status = try status(on: session)
        if status.isTooNew { throw Refusal.databaseIsNewer(status) }
        return plan(from: status)
    }

    /// The plan for a schema that is not there yet.
    package var planFromNothing: Plan { plan(from: status(at: 0, floor: 0)) }

    private func plan(from status: Status) -> Plan {
        let steps = migrations.filter { $0.version > status.version }
        let floor = steps.last { !$0.isAdditive }?.version ?? status.floor
        return Plan(status: status, steps: steps, floor: max(floor, status.floor))
    }

    /// Runs the steps that are missing, each recorded when it has finished.
    ///
    /// - Parameters:
    ///   - session: Committing statement by statement.
    ///   - lease: Of this migrator alone; it is renewed with each step, and by others meanwhile if a step takes long.
    ///   - logger: Told of each step.
    /// - Returns: The status after it.
    /// - Throws: `Refusal`, or a `DatabaseError` of the step that failed; the steps before it stay.
    public func migrate(
        on session: borrowing Session,
        lease: MigrationLease = MigrationLease(),
        logger: Logger
    ) throws -> Status {
        try createRecords(on: session)
        try lease.acquire(on: session)
        defer { lease.release(on: session) }
        let plan = try plan(on: session)
        var floor = plan.status.floor
        for migration in plan.steps {
            if !migration.isAdditive { floor = migration.version }
            // Before the step: a program that does not know it must not meet its half.
            try lease.confirm(on: session) { transaction throws(DatabaseError) in
                try transaction.execute(
                    """
                    INSERT INTO schema_migrations (version, name, started_at, compatibility_floor)
                    VALUES (\(migration.version), \(migration.name), NOW(6), \(floor))
                    ON DUPLICATE KEY UPDATE started_at = NOW(6), compatibility_floor = \(floor)
                    """
                )
            }
            try run(migration, on: session)
            try lease.confirm(on: session) { transaction throws(DatabaseError) in
                try transaction.execute(
                    "UPDATE schema_migrations SET finished_at = NOW(6) WHERE version = \(migration.version)"
                )
            }
            logger.info("migrated", metadata: ["version": "\(migration.version)", "name": "\(migration.name)"])
        }
        return try status(on: session)
    }

    /// Runs a step again, to restore what it has made; it does nothing where that is there.
    package func repeatStep(_ version: Int, on session: borrowing Session) throws {
        guard let migration = migrations.first(where: { $0.version == version }) else { return }
        try run(migration, on: session)
    }

    /// Makes the two tables that are there before any step, and the column that older programs have left out.
    private func createRecords(on session: borrowing Session) throws {
        try session.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                version INT UNSIGNED NOT NULL,
                name VARCHAR(128) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
                started_at DATETIME(6) NOT NULL,
                finished_at DATETIME(6) NULL,
                -- The oldest version whose programs work with the schema from this step on; null is the step's own.
                compatibility_floor INT UNSIGNED NULL,
                PRIMARY KEY (version)
            ) ENGINE = InnoDB
            """
        )
        try run(
            Migration(
                version: 0,
                name: "add compatibility floor",
                statement: """
                    ALTER TABLE schema_migrations
                    ADD COLUMN IF NOT EXISTS compatibility_floor INT UNSIGNED NULL, ALGORITHM = INSTANT
                    """
            ),
            on: session
        )
        try MigrationLease.create(on: session)
    }

    // MARK: Steps beside work

    /// The time for which a step waits for its table: all that comes after it waits behind it.
    ///
    /// MariaDB counts the wait for a table in whole seconds; what is instant is bounded by the time of the statement.
    private static let limits: SQL = "lock_wait_timeout = 1"
    private static let limitsOfInstant: SQL = "max_statement_time = 0.4, lock_wait_timeout = 1"
    /// The pause before the next attempt, in seconds; longer than a wait, so that others work for most of the time.
    private static let pause = 1.5
    /// The attempts for which a step goes on, over a minute: our own transactions are of milliseconds.
    private static let mostAttempts = 30

    private func run(_ migration: Migration, on session: borrowing Session) throws {
        let limits = migration.isInstant ? Self.limitsOfInstant : Self.limits
        let statement: SQL = "SET STATEMENT \(sql: limits) FOR \(sql: SQL(trustedText: migration.statement))"
        for _ in 0..<Self.mostAttempts {
            guard let error = Self.failure(of: statement, on: session) else { return }
            switch error.code {
            case .checkViolated:
                // The server says which rule of which table; the row it does not name.
                throw Refusal.rowsBreakRule(version: migration.version, name: migration.name, why: "\(error)")
            case .lockWaitTimeout: break
            case .statementTimeout where migration.isInstant: break
            default: throw error
            }
            try session.pause(seconds: Self.pause)
        }
        throw Refusal.tableInUse(version: migration.version, name: migration.name)
    }

    private static func failure(of statement: SQL, on session: borrowing Session) -> DatabaseError? {
        do throws(DatabaseError) {
            try session.execute(statement)
            return nil
        } catch {
            return error
        }
    }
}

extension Session {
    /// Waits, on the connection's own thread.
    borrowing func pause(seconds: Double) throws(DatabaseError) {
        _ = try query("SELECT SLEEP(\(seconds))")
    }
}
