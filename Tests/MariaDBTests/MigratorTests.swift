import ClusterOpsTestKit
import Testing

@testable import MariaDB

@Suite struct MigratorTests {
    private static let steps = [
        Migration(
            version: 1,
            name: "create things",
            statement: "CREATE TABLE IF NOT EXISTS things (id INT PRIMARY KEY)"
        ),
        Migration(version: 2, name: "add size", statement: "ALTER TABLE things ADD COLUMN IF NOT EXISTS size INT"),
        Migration(version: 3, name: "create others", statement: "CREATE TABLE IF NOT EXISTS others (id INT)"),
    ]

    @Test func `an empty schema is brought to the program's version, and a second run changes nothing`() async throws {
        try await withFreshSchema { database, _ in
            let migrator = Migrator(Self.steps)
            try await database.withSession { session in
                #expect(try migrator.status(on: session) == migrator.status(at: 0, floor: 0))
                #expect(try migrator.migrate(on: session, logger: .silent).isMigrated)
                let first = try session.query("SELECT MAX(finished_at) FROM schema_migrations")[0].only(Timestamp.self)
                #expect(try migrator.migrate(on: session, logger: .silent).isMigrated)
                #expect(try session.query("SELECT MAX(finished_at) FROM schema_migrations")[0].only() == first)
            }
        }
    }

    @Test func `a step that took effect but was not recorded is run again`() async throws {
        try await withFreshSchema { database, _ in
            let migrator = Migrator(Self.steps)
            try await database.withSession { session in
                _ = try migrator.migrate(on: session, logger: .silent)
                try session.execute("UPDATE schema_migrations SET finished_at = NULL WHERE version = 3")
                #expect(try migrator.status(on: session).version == 2)
                #expect(try migrator.migrate(on: session, logger: .silent).isMigrated)
            }
        }
    }

    @Test func `a step that fails leaves the steps before it, and names itself`() async throws {
        let broken = Migration(version: 4, name: "break", statement: "ALTER TABLE nowhere ADD COLUMN x INT")
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                let error = #expect(throws: DatabaseError.self) {
                    try Migrator(Self.steps + [broken]).migrate(on: session, logger: .silent)
                }
                #expect(text(of: error).contains("nowhere"))
                let version = try Migrator(Self.steps).status(on: session).version
                #expect(version == 3)
            }
        }
    }

    @Test func `a rule that a row breaks is refused with the step, and done once the row is corrected`() async throws {
        let rule = Migration(
            version: 4,
            name: "check kept",
            statement: "ALTER TABLE kept ADD CONSTRAINT number_is_small CHECK (number < 10)"
        )
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                let migrator = Migrator(Self.steps + [rule])
                try session.execute("CREATE TABLE kept (number INT PRIMARY KEY)")
                try session.execute("INSERT INTO kept VALUES (11)")
                let refusal = #expect(throws: Migrator.Refusal.self) {
                    try migrator.migrate(on: session, logger: .silent)
                }
                let said = refusal?.description ?? ""
                #expect(said.contains("step 4, 'check kept'") && said.contains("stays at version 3"), "\(said)")
                #expect(said.contains("number_is_small"), "\(said)")
                try session.execute("UPDATE kept SET number = 9")
                let status = try migrator.migrate(on: session, logger: .silent)
                #expect(status.isMigrated)
            }
        }
    }

    private static let additive = Migration(
        version: 4,
        name: "add weight",
        statement: "ALTER TABLE things ADD COLUMN IF NOT EXISTS weight INT NULL, ALGORITHM = INSTANT",
        isAdditive: true
    )
    private static let breaking = Migration(
        version: 5,
        name: "drop size",
        statement: "ALTER TABLE things DROP COLUMN IF EXISTS size, ALGORITHM = INSTANT"
    )

    @Test func `a program works with a newer schema down to its floor, and below it neither reads nor migrates it`()
        async throws
    {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                let old = Migrator(Self.steps)
                _ = try Migrator(Self.steps + [Self.additive]).migrate(on: session, logger: .silent)
                let above = try old.status(on: session)
                #expect(above == old.status(at: 4, floor: 3) && above.isUsable)
                #expect(try old.migrate(on: session, logger: .silent) == above, "there is nothing for it to do")
                _ = try Migrator(Self.steps + [Self.additive, Self.breaking]).migrate(on: session, logger: .silent)
                let below = try old.status(on: session)
                #expect(below.floor == 5 && below.isTooNew && !below.isUsable)
                let refusal = #expect(throws: Migrator.Refusal.self) { try old.migrate(on: session, logger: .silent) }
                #expect(refusal?.description.contains("from version 5 on") == true)
                #expect(throws: Migrator.Refusal.self) { try old.plan(on: session) }
            }
        }
    }

    @Test func `the floor is raised before the step that needs it begins`() async throws {
        let broken = Migration(version: 4, name: "break", statement: "ALTER TABLE nowhere DROP COLUMN x")
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                #expect(throws: DatabaseError.self) {
                    try Migrator(Self.steps + [broken]).migrate(on: session, logger: .silent)
                }
                let old = Migrator(Self.steps)
                let status = try old.status(on: session)
                #expect(status == old.status(at: 3, floor: 4) && status.isTooNew)
            }
        }
    }

    @Test func `a plan names what is missing, and whether programs of the present version work on`() async throws {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                let all = Migrator(Self.steps + [Self.additive, Self.breaking])
                let first = try all.plan(on: session)
                #expect(first.steps.map(\.version) == [1, 2, 3, 4, 5] && first.floor == 5)
                #expect(first.leavesProgramsWorking, "there are none")
                _ = try Migrator(Self.steps).migrate(on: session, logger: .silent)
                let next = try Migrator(Self.steps + [Self.additive]).plan(on: session)
                #expect(next.steps == [Self.additive] && next.floor == 3 && next.leavesProgramsWorking)
                let last = try all.plan(on: session)
                #expect(last.steps == [Self.additive, Self.breaking] && last.floor == 5 && !last.leavesProgramsWorking)
                #expect(try Migrator(Self.steps).status(on: session).version == 3, "it changes nothing")
            }
        }
    }

    @Test func `a schema that only older programs have migrated gets a floor, which is its version`() async throws {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                _ = try Migrator(Self.steps).migrate(on: session, logger: .silent)
                try session.execute("ALTER TABLE schema_migrations DROP COLUMN compatibility_floor")
                try session.execute("DROP TABLE migration_lease")
                let migrator = Migrator(Self.steps)
                let before = try migrator.status(on: session)
                #expect(before.version == 3 && before.floor == 3 && !before.isMigrated, "programs ask for the floor")
                #expect(try migrator.migrate(on: session, logger: .silent) == migrator.status(at: 3, floor: 3))
                let next = Migrator(Self.steps + [Self.additive])
                #expect(try next.migrate(on: session, logger: .silent) == next.status(at: 4, floor: 3))
            }
        }
    }

    // MARK: Beside work

    @Test func `a step whose table is in use lets others pass, and goes on when it is free`() async throws {
        try await withFreshSchema(connections: 4) { database, configuration in
            try await database.withSession { _ = try Migrator(Self.steps).migrate(on: $0, logger: .silent) }
            let user = try await Connection.open(configuration)
            func use(_ statement: SQL) async throws {
                try await user.withSession { _ = try $0.execute(statement) }
            }
            try await use("START TRANSACTION")
            try await use("INSERT INTO things (id) VALUES (0)")
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask {
                    let status = try await database.withSession { session in
                        try Migrator(Self.steps + [Self.additive]).migrate(on: session, logger: .silent)
                    }
                    #expect(status.version == 4)
                }
                try await eventually("it waits for the table") {
                    try await database.withSession { session in
                        try session.query(
                            """
                            SELECT COUNT(*) FROM information_schema.processlist
                            WHERE db = DATABASE() AND state LIKE 'Waiting for table metadata lock%'
                            """
                        )[0].only(Int.self) == 1
                    }
                }
                // One after the other: behind an ALTER that waited for the end of the transaction they would all wait.
                for number in 1...200 {
                    try await database.withSession { _ = try $0.execute("INSERT INTO things (id) VALUES (\(number))") }
                }
                try await use("COMMIT")
            }
            await user.close()
        }
    }

    // MARK: The lease

    @Test func `migrators that start at once take turns`() async throws {
        try await withFreshSchema { database, _ in
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<6 {
                    group.addTask {
                        let status = try await database.withSession { session in
                            try Migrator(Self.steps).migrate(on: session, logger: .silent)
                        }
                        #expect(status.isMigrated)
                    }
                }
            }
        }
    }

    private static func lease(_ holder: String, duration: Duration = .seconds(600)) -> MigrationLease {
        MigrationLease(holder: holder, duration: duration, patience: .milliseconds(300))
    }

    @Test func `of migrators that take the lease at once one gets it, and the others name it`() async throws {
        try await withFreshSchema(connections: 8) { database, _ in
            try await database.withSession { try MigrationLease.create(on: $0) }
            for round in 1...10 {
                let winners = try await withThrowingTaskGroup(of: (MigrationLease, String?).self) { group in
                    for number in 1...6 {
                        group.addTask {
                            let lease = Self.lease("migrator \(number)")
                            do {
                                try await database.withSession { try lease.acquire(on: $0) }
                                return (lease, nil)
                            } catch let refusal as Migrator.Refusal {
                                return (lease, refusal.description)
                            }
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(winners.filter { $0.1 == nil }.count == 1, "round \(round)")
                #expect(winners.compactMap(\.1).allSatisfy { $0.contains("by migrator ") })
                for (lease, refusal) in winners where refusal == nil {
                    try await database.withSession { lease.release(on: $0) }
                }
            }
        }
    }

    @Test func `a lease that stands still is taken, and whoever had it writes nothing more under it`() async throws {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                try MigrationLease.create(on: session)
                let stopped = Self.lease("the first", duration: .milliseconds(200))
                try stopped.acquire(on: session)
                let next = Self.lease("the second")
                let begun = ContinuousClock.now
                try next.acquire(on: session)
                #expect(ContinuousClock.now - begun >= .milliseconds(200))
                try session.execute("CREATE TABLE written (id INT PRIMARY KEY)")
                #expect(throws: Migrator.Refusal.leaseLost) {
                    try stopped.confirm(on: session) { transaction throws(DatabaseError) in
                        try transaction.execute("INSERT INTO written VALUES (1)")
                    }
                }
                stopped.release(on: session)
                try next.confirm(on: session) { transaction throws(DatabaseError) in
                    try transaction.execute("INSERT INTO written VALUES (2)")
                }
                let written = try session.query("SELECT id FROM written").map { try $0.only(Int.self) }
                #expect(written == [2])
            }
        }
    }

    @Test func `a lease that is renewed while a step takes long is nobody else's`() async throws {
        // The lease lasts for many renewals of a busy machine, and the step, like the second one's patience, for longer.
        let long = Migration(version: 4, name: "take long", statement: "DO SLEEP(8)")
        try await withFreshSchema(connections: 4) { database, _ in
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask {
                    let lease = MigrationLease(holder: "the first", duration: .seconds(3))
                    let migrator = Migrator(Self.steps + [long])
                    let status = try await migrator.migrate(database, lease: lease, logger: .silent)
                    #expect(status.version == 4)
                }
                try await eventually("the step runs") {
                    try await database.withSession { session in
                        try Migrator(Self.steps).status(on: session).floor == 4
                    }
                }
                let other = MigrationLease(holder: "the second", patience: .seconds(4))
                let refusal = await #expect(throws: Migrator.Refusal.self) {
                    try await database.withSession { try other.acquire(on: $0) }
                }
                #expect(refusal == .anotherMigratorIsRunning("the first"))
            }
        }
    }
}
