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
                #expect(try migrator.status(on: session) == Migrator.Status(version: 0, binaryVersion: 3))
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

    @Test func `a database newer than the program is refused`() async throws {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                _ = try Migrator(Self.steps).migrate(on: session, logger: .silent)
                let old = Migrator(Array(Self.steps.prefix(2)))
                #expect(try old.status(on: session).isNewerThanBinary)
                #expect(throws: Migrator.Refusal.self) { try old.migrate(on: session, logger: .silent) }
            }
        }
    }

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
}
