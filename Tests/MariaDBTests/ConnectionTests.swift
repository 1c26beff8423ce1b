import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@Suite struct ConnectionTests {
    @Test func `a session holds the settings that correctness relies on`() async throws {
        try await withFreshSchema { database, _ in
            let row = try await database.withSession { session in
                try session.query(
                    "SELECT @@tx_isolation, @@time_zone, @@max_statement_time, @@idle_transaction_timeout"
                )[0]
                .decode((String, String, Double, Int).self)
            }
            #expect(row == ("READ-COMMITTED", "+00:00", 10, 10))
        }
    }

    @Test func `a time limit of any fraction is had, to the microsecond`() async throws {
        try await withFreshSchema { _, configuration in
            var configuration = configuration
            configuration.timeouts.statement = .seconds(1) * 5 / 6
            let connection = try await Connection.open(configuration)
            let limit = try await connection.withSession { session in
                try session.query("SELECT @@max_statement_time")[0].only(Double.self)
            }
            await connection.close()
            #expect(limit == 0.833333)
        }
    }

    @Test func `a text that is too long is an error, never cut`() async throws {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                try session.execute("CREATE TABLE short (word VARCHAR(3))")
                let error = #expect(throws: DatabaseError.self) {
                    try session.execute("INSERT INTO short VALUES (\("four"))")
                }
                #expect(error?.code == .dataTooLong)
            }
        }
    }

    @Test func `an update that changes nothing still counts the row it found`() async throws {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                try session.execute("CREATE TABLE leases (id INT PRIMARY KEY, holder INT)")
                try session.execute("INSERT INTO leases VALUES (1, 7)")
                #expect(try session.execute("UPDATE leases SET holder = 7 WHERE id = 1") == 1)
                #expect(try session.execute("UPDATE leases SET holder = 7 WHERE id = 2") == 0)
            }
        }
    }

    @Test func `the server cannot ask for our files`() async throws {
        try await withFreshSchema { database, _ in
            await #expect(throws: DatabaseError.self) {
                try await database.withSession { session in
                    try session.execute("CREATE TABLE stolen (line TEXT)")
                    try session.execute("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE stolen")
                }
            }
        }
    }

    @Test func `a statement that runs too long is ended by the server, and the connection lives on`() async throws {
        let server = try PrivateServer.shared
        var configuration = server.configuration()
        configuration.timeouts.statement = .milliseconds(200)
        let connection = try await Connection.open(configuration)
        try await connection.withSession { session in
            let error = #expect(throws: DatabaseError.self) { try session.query("SELECT SLEEP(30)") }
            #expect(error?.code == .statementTimeout)
            let one = try session.query("SELECT 1")[0].only(Int.self)
            #expect(one == 1)
        }
        await connection.close()
    }

    @Test func `more different statements than the cache holds all run`() async throws {
        try await withFreshSchema(connections: 1) { database, _ in
            try await database.withSession { session in
                for size in 1...400 {
                    let sum = SQL.joined((1...size).map { "\($0)" }, separator: " + ")
                    #expect(try session.query("SELECT \(sql: sum)")[0].only(Int.self) == size * (size + 1) / 2)
                }
                let open = try session.query("SHOW SESSION STATUS LIKE 'Com_stmt_prepare'")[0]
                    .decode((String, String).self).1
                #expect(Int(open) ?? 0 >= 400)
            }
        }
    }

    @Test func `an absent server is told from a refusing one`() async throws {
        let absent = ConnectionConfiguration(endpoint: .socket("/nonexistent/socket"), user: "root")
        let unreachable = await #expect(throws: DatabaseError.self) { try await Connection.open(absent) }
        #expect(unreachable?.isUnreachable == true)
        var stranger = try PrivateServer.shared.configuration()
        stranger.user = "stranger"
        stranger.password = "hunter2"
        let refused = await #expect(throws: DatabaseError.self) { try await Connection.open(stranger) }
        #expect(refused?.isUnreachable == false)
        #expect(!text(of: refused).contains("hunter2"))
    }

    @Test func `a restart of the server is not felt by the next caller, nor by the one after`() async throws {
        let server = try PrivateServer()
        defer { server.destroy() }
        let database = Database(server.configuration(), logger: .silent)
        func ask() async throws -> Int { try await database.withSession { try $0.query("SELECT 1").count } }
        #expect(try await ask() == 1)
        server.kill()
        let error = await #expect(throws: DatabaseError.self) { try await ask() }
        #expect(error?.isUnreachable == true)
        try server.start()
        #expect(try await ask() == 1)
        // Lent a moment ago, so nobody pings it; and the statement is prepared on it already.
        server.kill()
        try server.start()
        #expect(try await ask() == 1)
        await database.close()
    }

    @Test func `a body that has done something is never run twice`() async throws {
        try await withFreshSchema { database, _ in
            let runs = Locked(0)
            let error = await #expect(throws: DatabaseError.self) {
                try await database.withSession { session in
                    runs.update { $0 += 1 }
                    let id = try session.query("SELECT CONNECTION_ID()")[0].only(Int.self)
                    try blocking { try await database.administer("KILL CONNECTION \(id)") }
                    try session.execute("DO 1")
                }
            }
            #expect(error?.isUnreachable == true && runs.value == 1)
        }
    }

    @Test func `a body that may be repeated is run once more when its connection breaks, and no more than that`()
        async throws
    {
        try await withFreshSchema { database, _ in
            let runs = Locked(0)
            func run(breaking breaks: Int) async throws -> Int {
                runs.update { $0 = 0 }
                return try await database.withRepeatableSession { session in
                    let run = runs.update { runs in
                        runs += 1
                        return runs
                    }
                    let id = try session.query("SELECT CONNECTION_ID()")[0].only(Int.self)
                    if run <= breaks { try blocking { try await database.administer("KILL CONNECTION \(id)") } }
                    try session.execute("DO 1")
                    return run
                }
            }
            let (unbroken, broken) = (try await run(breaking: 0), try await run(breaking: 1))
            #expect(unbroken == 1 && broken == 2)
            let error = await #expect(throws: DatabaseError.self) { try await run(breaking: 2) }
            #expect(error?.isUnreachable == true && runs.value == 2)
        }
    }

    @Test(arguments: [
        DatabaseError.Code.readOnly, .readOnlyMode, .unknownCommand, .doesNotServe, .errorDuringCommit,
    ])
    func `a server that takes no writes or serves nobody counts as absent, and its connection is given up`(
        code: DatabaseError.Code
    ) {
        let error = DatabaseError(code: code, phase: .execute, message: "")
        #expect(error.isUnreachable && error.breaksConnection)
    }

    @Test(arguments: [
        (1047, true), (1053, true), (1180, true), (1927, true), (1969, true), (2003, true), (2013, true),
        (90_002, true), (90_008, true),
        (1020, false), (1045, false), (1146, false), (1213, false), (1290, false),
    ])
    func `a server that serves nobody for now gives no answer, and one that refuses does`(
        code: UInt32,
        isWithoutAnswer: Bool
    ) {
        let error = DatabaseError(code: .init(rawValue: code), phase: .execute, message: "")
        #expect(error.isWithoutAnswer == isWithoutAnswer)
    }
}
