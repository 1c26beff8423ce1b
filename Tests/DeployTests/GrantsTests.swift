import ClusterEngine
import ClusterOpsTestKit
import ClusterStore
import Foundation
import MariaDB
import Testing

@Suite(.timeLimit(.minutes(15))) struct GrantsTests {
    /// The server's answers to who may not: to a schema, a table, a column, or something of the whole server.
    private static let refusals: Set<UInt32> = [1044, 1045, 1142, 1143, 1227, 1370, 1410]

    /// Tries statements as a user; returns those that were not refused.
    private func allowed(_ statements: [String], to user: RoleUser) async throws -> [String] {
        try await user.withDatabase { database in
            var passed: [String] = []
            for statement in statements {
                do {
                    try await database.administer(statement)
                    passed.append(statement)
                } catch let error as DatabaseError {
                    if !Self.refusals.contains(error.code.rawValue) { passed.append("\(statement): \(error)") }
                }
            }
            return passed
        }
    }

    /// All tables of the schema with their columns.
    private func columns(_ world: RoleWorld) async throws -> [String: [String]] {
        let rows = try await world.cluster.database.withSession { session in
            try session.query(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
            ).map { try $0.decode((String, String).self) }
        }
        return Dictionary(grouping: rows, by: \.0).mapValues { $0.map(\.1) }
    }

    @Test(arguments: DatabaseRole.allCases)
    func `whatever a role was not granted is refused, on every table and every column`(
        _ role: DatabaseRole
    )
        async throws
    {
        try await withRoles { world in
            let user = try await world.user(role)
            let allowed = SpokenStatements.accesses(allowedTo: role)
            var forbidden: [String] = []
            let tables = try await columns(world)
            #expect(tables.count == 37)
            for (table, columns) in tables {
                for access in ["SELECT", "INSERT", "UPDATE", "DELETE"] where !allowed.contains("\(access) \(table)") {
                    switch access {
                    case "SELECT": forbidden.append("SELECT \(columns[0]) FROM \(table) LIMIT 0")
                    case "INSERT": forbidden.append("INSERT INTO \(table) (\(columns[0])) VALUES (DEFAULT)")
                    case "DELETE": forbidden.append("DELETE FROM \(table)")
                    default: break
                    }
                }
                let insertable = role.rights.compactMap { right -> [String]? in
                    guard case .insert(table, let columns) = right else { return nil }
                    return columns
                }
                if !insertable.isEmpty, !insertable.contains([]) {
                    for column in columns where !insertable.joined().contains(column) {
                        forbidden.append("INSERT INTO \(table) (\(column)) VALUES (DEFAULT)")
                    }
                }
                let changeable = role.rights.compactMap { right -> [String]? in
                    guard case .update(table, let columns) = right else { return nil }
                    return columns
                }
                // An update without columns is one of all.
                if changeable.contains([]) { continue }
                for column in columns where !changeable.joined().contains(column) {
                    forbidden.append("UPDATE \(table) SET \(column) = DEFAULT")
                }
            }
            forbidden += [
                "DROP TABLE work_queue", "TRUNCATE TABLE finished_operations", "SET GLOBAL max_connections = 1",
                "GRANT SELECT ON *.* TO \(user.configuration.user)@localhost", "CREATE USER somebody_else",
                "CREATE VIEW spy AS SELECT 1", "SELECT user FROM mysql.user LIMIT 0",
                "CREATE TRIGGER spy BEFORE INSERT ON work_queue FOR EACH ROW SET @x = 1",
            ]
            if !role.rights.contains(.execute("record_edges")) {
                forbidden.append("CALL record_edges('[]')")
            }
            if role != .migrator {
                forbidden += [
                    "CREATE PROCEDURE spy() SELECT 1", "DROP PROCEDURE record_edges",
                    "CREATE TABLE loot (a INT)", "ALTER TABLE work_queue DROP COLUMN tasks",
                    "CREATE INDEX slow ON work_queue (requester)",
                ]
            }
            print("\(role): \(forbidden.count) statements that are not its work")
            let passed = try await self.allowed(forbidden, to: user)
            #expect(passed == [])
            #expect(try await world.cluster.count("SELECT COUNT(*) FROM nodes") == 2)
        }
    }

    @Test func `the migrator makes the schema from nothing, and repeats it, with no right to any row of it`()
        async throws
    {
        let server = try PrivateServer(options: SpokenStatements.serverOptions)
        defer { server.destroy() }
        try await withFreshSchema(on: server) { database, configuration in
            let user = try await RoleUser.make(.migrator, in: configuration, by: database, on: server)
            let cluster = TestCluster(
                database: database,
                configuration: configuration,
                counters: CoalescingCounters(database: database)
            )
            let world = RoleWorld(cluster: cluster, server: server)
            for _ in 0..<2 { try await world.clusterctl(as: user, "db migrate") }
            let status = try await world.clusterctl(as: user, "db status -o json")
            #expect(status.contains("\"migrated\" : true"))
            #expect(try await cluster.refusals() == [])
            try await world.expectAllWasUsed(user)
        }
    }

    @Test func `what an operator pipes into mariadb makes the user, however often, with a password that needs quotes`()
        async throws
    {
        try await withRoles { world in
            guard case .socket(let socket) = world.cluster.configuration.endpoint,
                let schema = world.cluster.configuration.schema
            else { return }
            let password = "\(try world.server.directory.scratch())/password"
            let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
            _ = FileManager.default.createFile(
                atPath: password,
                contents: Data("a'b\\c\"d; --\n".utf8),
                attributes: attributes
            )
            let script = try await ProgramRun.run(
                try BuiltProduct.path("clusterctl"),
                ["db", "grants", "reader", "--host", "localhost", "--schema", schema, "--password-file", password]
            )
            #expect(script.status == 0 && script.output.hasPrefix("CREATE USER IF NOT EXISTS 'clusterops_reader'@"))
            for _ in 0..<2 {
                let made = try await ProgramRun.run(
                    "mariadb",
                    ["--no-defaults", "--socket=\(socket)", "--user=root"],
                    input: script.output
                )
                #expect(made.status == 0, "\(made.talk)")
            }
            let run = try await ProgramRun.run(
                try BuiltProduct.path("clusterctl"),
                ["doctor", "-o", "json"],
                environment: [
                    "CLUSTEROPS_DATABASE_SOCKET": socket, "CLUSTEROPS_DATABASE_NAME": schema,
                    "CLUSTEROPS_DATABASE_USER": "clusterops_reader", "CLUSTEROPS_DATABASE_PASSWORD_FILE": password,
                ]
            )
            #expect(!run.output.contains("not_run"), "a reader can make every check: \(run.output)")
        }
    }

    @Test func `names that would need quotes are refused`() async throws {
        for arguments in [
            ["--user", "a'b"], ["--host", "h`"], ["--schema", "x; DROP"], ["--user", ""],
            ["--password-file", "/nowhere"],
        ] {
            let run = try await ProgramRun.run(
                try BuiltProduct.path("clusterctl"),
                ["db", "grants", "worker"] + arguments
            )
            #expect(run.status == 64 && run.output == "" && !run.talk.isEmpty, "\(arguments): \(run)")
        }
    }

    @Test(arguments: DatabaseRole.allCases)
    func `deploy/grants holds what the command prints`(_ role: DatabaseRole) async throws {
        let run = try await ProgramRun.run(try BuiltProduct.path("clusterctl"), ["db", "grants", role.rawValue])
        let file = try String(contentsOfFile: "\(ProgramRun.root)/deploy/grants/\(role.rawValue).sql", encoding: .utf8)
        let statements = file.split(separator: "\n").filter { !$0.hasPrefix("--") }.map { $0 + "\n" }.joined()
        #expect(run.output == statements, "clusterctl db grants \(role.rawValue)")
    }

    @Test func `doctor names what a user lacks of the role that it is nearest to, and how to grant it`() async throws {
        try await withRoles { world in
            let user = try await world.user(.operator)
            let name = user.configuration.user
            try await world.cluster.database.administer("REVOKE INSERT ON queue_pauses FROM '\(name)'@'localhost'")
            let text = try await world.clusterctl(as: user, "doctor -o json", exit: 1)
            #expect(
                text.contains("INSERT on queue_pauses")
                    && text.contains("clusterctl db grants operator --user '\(name)'")
            )
        }
    }
}
