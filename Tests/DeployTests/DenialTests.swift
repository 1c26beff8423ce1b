import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import Logging
import MariaDB
import Testing

/// The sentences that a person reads when the database's server refuses something.
@Suite(.timeLimit(.minutes(15))) struct DenialTests {
    private static let notPermitted: Int32 = 77

    /// Runs `clusterctl` on a server's schema, as a user or as root.
    private func clusterctl(
        _ line: String,
        on server: PrivateServer,
        schema: String,
        as user: [String: String] = ["CLUSTEROPS_DATABASE_USER": "root"]
    ) async throws -> ProgramRun {
        let place = ["CLUSTEROPS_DATABASE_SOCKET": server.directory.socket, "CLUSTEROPS_DATABASE_NAME": schema]
        return try await ProgramRun.run(
            try BuiltProduct.path("clusterctl"),
            line.split(separator: " ").map(String.init),
            environment: place.merging(user) { $1 }
        )
    }

    @Test func `who lacks a right is told as whom they are connected, which right, and which role has it`() async throws
    {
        try await withRoles { world in
            for (role, line, words) in [
                (DatabaseRole.reader, "op enqueue noop", ["reader", "INSERT on work_queue", "enqueuer or operator"]),
                (.enqueuer, "node drain h1", ["enqueuer", "UPDATE on nodes", "the role operator"]),
                (.operator, "db migrate", ["CREATE on schema_migrations", "the role migrator"]),
            ] {
                let user = try await world.user(role)
                let run = try await ProgramRun.run(
                    try BuiltProduct.path("clusterctl"),
                    line.split(separator: " ").map(String.init),
                    environment: try world.environment(user)
                )
                #expect(run.status == Self.notPermitted, "\(line): \(run.talk)")
                for word in words + [user.configuration.user] { #expect(run.talk.contains(word), "\(run.talk)") }
                // The statement tells nothing to who has not written it.
                #expect(!run.talk.contains("INSERT INTO") && run.talk.split(separator: "\n").count == 1)
            }
        }
    }

    @Test func `a wrong password, a stranger and a user without rights are told what to look at`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        try await withCluster(on: server) { cluster in
            let schema = try #require(cluster.configuration.schema)
            try await cluster.database.administer("CREATE USER known@localhost IDENTIFIED BY 'secret'")
            let stranger = try await clusterctl(
                "op list",
                on: server,
                schema: schema,
                as: ["CLUSTEROPS_DATABASE_USER": "stranger"]
            )
            #expect(stranger.status == Self.notPermitted && stranger.talk.contains("'stranger'@'localhost'"))
            #expect(stranger.talk.contains("database.password_file"), "\(stranger.talk)")
            let file = "\(try server.directory.scratch())/password"
            let isMade = FileManager.default.createFile(
                atPath: file,
                contents: Data("secret".utf8),
                attributes: [.posixPermissions: 0o600]
            )
            #expect(isMade)
            let powerless = try await clusterctl(
                "op list",
                on: server,
                schema: schema,
                as: ["CLUSTEROPS_DATABASE_USER": "known", "CLUSTEROPS_DATABASE_PASSWORD_FILE": file]
            )
            #expect(powerless.status == Self.notPermitted && powerless.talk.contains("no right on the schema"))
            #expect(powerless.talk.contains(schema) && powerless.talk.contains("db grants ROLE"), "\(powerless.talk)")
        }
    }

    @Test func `every refusal of the server becomes a sentence, and only the unexpected shows its statement`() {
        func text(_ code: DatabaseError.Code, _ message: String, _ phase: DatabaseError.Phase = .execute) -> String {
            let error = DatabaseError(code: code, phase: phase, statement: "SELECT 1 FROM x", message: message)
            return ClusterOpsError(error).message
        }
        let table = text(.tableFull, "The table 'work_queue' is full")
        #expect(table.hasPrefix("the database's server has no room left: nothing was written"))
        let engine = text(.storageEngine, "Got error 28 \"No space left on device\" from storage engine InnoDB")
        #expect(engine.hasPrefix("the database's server has no room left"))
        #expect(text(.storageEngine, "Got error 122 from storage engine").contains("[SELECT 1 FROM x]"))
        let tls = text(.tlsFailed, "TLS/SSL error: SSL is required, but the server does not support it", .connect)
        #expect(tls.contains("database.tls.mode") && tls.contains("database.tls.ca_file"))
        #expect(text(.plaintextRefused, "the server offers no TLS", .connect).contains("database.tls.mode"))
        #expect(text(.tooManyConnections, "Too many connections", .connect).contains("max_connections"))
        let column = text(
            .accessDeniedToColumn,
            "UPDATE command denied to user 'x'@'h' for column 'state' in table 'nodes'"
        )
        #expect(column.contains("the right UPDATE on state of nodes, which takes the role operator"), "\(column)")
        let routine = text(
            .accessDeniedToRoutine,
            "execute command denied to user 'x'@'h' for routine 'c.record_edges'"
        )
        #expect(routine.contains("EXECUTE on record_edges, which takes the role enqueuer or operator"), "\(routine)")
        let server = text(
            .accessDeniedToServer,
            "Access denied; you need (at least one of) the PROCESS privilege(s) for this operation"
        )
        #expect(server.contains("lacks the right PROCESS, which takes the role reader or operator"), "\(server)")
        for sentence in [table, engine, tls, column, routine, server] { #expect(!sentence.contains("SELECT")) }
        // Words that are not known are no reason to say nothing.
        #expect(text(.accessDeniedToTable, "no").contains("no"))
    }

    @Test func `a schema that is not there is created by migrate, by two at once and by the migrator's user`()
        async throws
    {
        let server = try PrivateServer()
        defer { server.destroy() }
        let before = try await clusterctl("db status", on: server, schema: "new")
        #expect(before.status == 1 && before.talk.contains("'clusterctl db migrate' creates it"), "\(before.talk)")
        async let one = clusterctl("db migrate -o json", on: server, schema: "new")
        async let other = clusterctl("db migrate -o json", on: server, schema: "new")
        for run in [try await one, try await other] {
            #expect(run.status == 0 && run.output.contains("\"migrated\" : true"), "\(run)")
        }
        #expect(try await clusterctl("op list", on: server, schema: "new").status == 0)

        let administrator = Database(server.configuration(), logger: .silent)
        let account = try DatabaseAccount(user: "m", host: "localhost")
        let login = DatabaseRole.Login(password: "")
        for statement in try DatabaseRole.migrator.statements(for: account, schema: "other", login: login) {
            try await administrator.administer(statement)
        }
        let migrator = ["CLUSTEROPS_DATABASE_USER": "m"]
        #expect(try await clusterctl("db migrate", on: server, schema: "other", as: migrator).status == 0)
        #expect(try await clusterctl("op list", on: server, schema: "other").status == 0)

        // Rights on one table of a schema that nobody has created.
        try await administrator.administer("CREATE USER poor@localhost")
        try await administrator.administer("GRANT CREATE, SELECT ON third.nodes TO poor@localhost")
        let poor = try await clusterctl(
            "db migrate",
            on: server,
            schema: "third",
            as: ["CLUSTEROPS_DATABASE_USER": "poor"]
        )
        #expect(poor.status == Self.notPermitted, "\(poor.talk)")
        #expect(poor.talk.contains("run CREATE DATABASE IF NOT EXISTS `third`"), "\(poor.talk)")
        let left = try await clusterctl("db status", on: server, schema: "third")
        #expect(left.talk.contains("no such schema"), "\(left.talk)")
        await administrator.close()
    }
}
