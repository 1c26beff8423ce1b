import ClusterOpsTestKit
import ClusterStore
import MariaDB
import Testing

@Suite(.timeLimit(.minutes(15))) struct MigratedSchemaTests {
    /// All that a server shows of a schema: how each table and procedure is made, and the rows that are there.
    private func shown(by database: Database) async throws -> [String: String] {
        try await database.withSession { session in
            var shown: [String: String] = [:]
            let tables = try session.query(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
            ).map { try $0.only(String.self) }
            for table in tables {
                let rows = try session.query(SQL(trustedText: "SHOW CREATE TABLE `\(table)`"))
                shown[table] = try rows[0].get("Create Table")
                let count = try session.query(SQL(trustedText: "SELECT COUNT(*) FROM `\(table)`"))
                shown["rows of \(table)"] = "\(try count[0].only(Int.self))"
            }
            let procedures = try session.query(
                "SELECT routine_name FROM information_schema.routines WHERE routine_schema = DATABASE()"
            ).map { try $0.only(String.self) }
            for procedure in procedures {
                let row = try session.query(SQL(trustedText: "SHOW CREATE PROCEDURE `\(procedure)`"))[0]
                shown[procedure] = try ["Create Procedure", "sql_mode", "collation_connection", "Database Collation"]
                    .map { try row.get($0, as: String.self) }.joined(separator: "\n")
            }
            for row in try session.query(
                """
                SELECT version, CONCAT_WS(' ', name, compatibility_floor, finished_at >= started_at)
                FROM schema_migrations
                """
            ) {
                let (version, step) = try row.decode((Int, String).self)
                shown["step \(version)"] = step
            }
            let others = try session.query(
                """
                SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()
                UNION ALL SELECT COUNT(*) FROM information_schema.views WHERE table_schema = DATABASE()
                UNION ALL SELECT COUNT(*) FROM information_schema.events WHERE event_schema = DATABASE()
                """
            )
            shown["triggers, views, events"] = "\(try others.map { try $0.only(Int.self) })"
            return shown
        }
    }

    @Test func `a test's schema is the one that migrations make, with the same rows`() async throws {
        let migrated = try await withFreshSchema { database, _ in
            try await database.withSession { _ = try Migrations.migrator.migrate(on: $0, logger: .silent) }
            return try await shown(by: database)
        }
        #expect(migrated.count > 100 && migrated["triggers, views, events"] == "[0, 0, 0]")
        // The first one may be migrated itself.
        for _ in 0..<2 {
            try await withCluster { cluster in
                let made = try await shown(by: cluster.database)
                for name in Set(migrated.keys).union(made.keys) { #expect(made[name] == migrated[name], "\(name)") }
                let (status, checks) = try await cluster.database.withSession { session in
                    (
                        try Migrations.migrator.status(on: session),
                        try session.query("SELECT @@foreign_key_checks")[0].only(Int.self)
                    )
                }
                #expect(status.isUsable && checks == 1)
            }
        }
    }
}
