import ClusterStore
import MariaDB

/// The schema as all migrations leave it, made by one statement for each table and procedure.
///
/// Most tests begin with it, and need nothing of the steps that lead to it: those take the server alone 80 ms of a
/// processor.
package enum MigratedSchema {
    /// The statements, once a migration has run in this process.
    private static let statements = Locked<[String]?>(nil)

    /// Makes the schema: by its migrations, the first time in this process, and after that as they have made it.
    package static func make(on session: borrowing Session) throws {
        if let statements = statements.value {
            for statement in statements { try session.execute(SQL(trustedText: statement)) }
            return
        }
        _ = try Migrations.migrator.migrate(on: session, logger: .silent)
        let made = try read(on: session)
        statements.update { $0 = $0 ?? made }
    }

    /// Reads the statements that make a session's schema, with the rows that are in it.
    private static func read(on session: borrowing Session) throws -> [String] {
        let tables = try session.query(
            """
            SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name
            """
        ).map { try $0.only(String.self) }
        let procedures = try session.query(
            """
            SELECT routine_name FROM information_schema.routines WHERE routine_schema = DATABASE() ORDER BY routine_name
            """
        ).map { try $0.only(String.self) }
        // By name, so some come before the tables that they refer to.
        var statements = ["SET foreign_key_checks = 0"]
        for table in tables {
            let shown = try session.query(SQL(trustedText: "SHOW CREATE TABLE `\(table)`"))
            statements += try shown.map { try $0.get("Create Table") }
        }
        for table in tables { statements += try rows(of: table, on: session) }
        for procedure in procedures {
            let shown = try session.query(SQL(trustedText: "SHOW CREATE PROCEDURE `\(procedure)`"))
            // Whoever makes it defines it, as in a migration.
            statements += try shown.map { row in
                try row.get("Create Procedure", as: String.self).replacing(#/ DEFINER=`[^`]*`@`[^`]*`/#, with: "")
            }
        }
        return statements + ["SET foreign_key_checks = 1"]
    }

    /// Reads the statement that inserts a table's rows; none if it is empty.
    private static func rows(of table: String, on session: borrowing Session) throws -> [String] {
        let columns = try session.query(
            """
            SELECT column_name FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = \(table) AND is_generated = 'NEVER'
            ORDER BY ordinal_position
            """
        ).map { "`\(try $0.only(String.self))`" }
        let values = columns.map { "QUOTE(\($0))" }.joined(separator: ", ")
        let rows = try session.query(SQL(trustedText: "SELECT CONCAT_WS(', ', \(values)) FROM `\(table)`")).map {
            "(\(try $0.only(String.self)))"
        }
        guard !rows.isEmpty else { return [] }
        return ["INSERT INTO `\(table)` (\(columns.joined(separator: ", "))) VALUES \(rows.joined(separator: ", "))"]
    }
}
