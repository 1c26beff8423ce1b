import ClusterOpsTestKit
import Testing

@testable import MariaDB

/// Two servers of which one takes writes, as a primary and its replica; what replication does is not looked at.
@Suite(.serialized) struct ReplicaTests {
    private struct Pair: Sendable {
        let servers: [PrivateServer]
        let configuration: ConnectionConfiguration

        /// Makes one server the one that takes writes, or none.
        func promote(_ index: Int?) async throws {
            for position in servers.indices { try await setReadOnly(position != index, at: position) }
        }

        func setReadOnly(_ isReadOnly: Bool, at index: Int) async throws {
            let database = Database(servers[index].configuration(), logger: .silent)
            try await database.administer("SET GLOBAL read_only = \(isReadOnly ? 1 : 0)")
            await database.close()
        }

        /// Rows that have been written to each server.
        func facts() async throws -> [Int] {
            var counts: [Int] = []
            for server in servers {
                let database = Database(server.configuration(schema: "work"), logger: .silent)
                counts.append(
                    try await database.withSession { try $0.query("SELECT COUNT(*) FROM facts")[0].only(Int.self) }
                )
                await database.close()
            }
            return counts
        }
    }

    /// The user has no right to write to a server that is read-only, which root has.
    private func withPair(_ body: (Pair) async throws -> Void) async throws {
        let servers = try (0..<2).map { _ in try PrivateServer(port: freePort()) }
        defer { for server in servers { server.destroy() } }
        for server in servers {
            let root = Database(server.configuration(), logger: .silent)
            for statement in [
                "CREATE DATABASE work", "CREATE TABLE work.facts (id INT AUTO_INCREMENT PRIMARY KEY)",
                "CREATE USER app@'%'", "GRANT ALL ON work.* TO app@'%'",
            ] { try await root.administer(statement) }
            await root.close()
        }
        let hosts = servers.compactMap(\.port).map { ConnectionConfiguration.Host(name: "127.0.0.1", port: $0) }
        var configuration = ConnectionConfiguration(endpoint: .hosts(hosts), user: "app", schema: "work")
        configuration.timeouts.read = .seconds(100)
        try await body(Pair(servers: servers, configuration: configuration))
    }

    private func insert(into database: Database, _ runs: Locked<Int> = Locked(0)) async throws {
        try await database.withTransaction { transaction in
            runs.update { $0 += 1 }
            try transaction.execute("INSERT INTO facts VALUES ()")
        }
    }

    @Test func `a server that is demoted is left with the first write that it refuses`() async throws {
        try await withPair { pair in
            try await pair.promote(0)
            let database = Database(pair.configuration, logger: .silent)
            try await insert(into: database)
            try await pair.promote(1)
            let runs = Locked(0)
            for _ in 0..<20 { try await insert(into: database, runs) }
            let facts = try await pair.facts()
            #expect(facts == [1, 20] && runs.value == 21, "\(facts), \(runs.value) runs")
            await database.close()
        }
    }

    @Test func `a reader notices when its connection has been idle, and finds the server that takes writes`()
        async throws
    {
        try await withPair { pair in
            try await pair.promote(0)
            var pool = Database.PoolConfiguration()
            pool.pingAfter = .zero
            let database = Database(pair.configuration, pool: pool, logger: .silent)
            func port() async throws -> Int {
                try await database.withSession { try $0.query("SELECT @@port")[0].only(Int.self) }
            }
            let ports = pair.servers.compactMap(\.port).map(Int.init)
            #expect(try await port() == ports[0])
            try await pair.promote(1)
            #expect(try await port() == ports[1])
            try await pair.promote(0)
            #expect(try await port() == ports[0])
            await database.close()
        }
    }

    @Test func `without a server that takes writes none is taken, and each is named with the reason`() async throws {
        try await withPair { pair in
            try await pair.promote(nil)
            let error = await #expect(throws: DatabaseError.self) { try await Connection.open(pair.configuration) }
            #expect(error?.code == .doesNotServe && error?.isUnreachable == true && error?.isWithoutAnswer == true)
            for port in pair.servers.compactMap(\.port) {
                #expect(text(of: error).contains("127.0.0.1:\(port) does not serve: it takes no writes (read_only)"))
            }
        }
    }

    @Test func `a transaction on a server that hangs is begun again elsewhere as soon as a companion knows`()
        async throws
    {
        try await withPair { pair in
            try await pair.promote(0)
            let database = Database(pair.configuration, logger: .silent)
            var short = ConnectionConfiguration.Timeouts()
            short.read = .seconds(1)
            short.statement = .milliseconds(500)
            let companion = database.companion(connections: 1, timeouts: short)
            try await companion.withSession { try $0.execute("DO 1") }
            let (runs, suspended) = (Locked(0), AsyncStream<Void>.makeStream())
            let begun = ContinuousClock.now
            try await withThrowingTaskGroup { group in
                group.addTask {
                    for await _ in suspended.stream { break }
                    try await companion.withRepeatableSession { try $0.execute("DO 1") }
                }
                try await database.withTransaction { transaction in
                    let run = runs.update { runs in
                        runs += 1
                        return runs
                    }
                    if run == 1 {
                        pair.servers[0].suspend()
                        try blocking { try await pair.setReadOnly(false, at: 1) }
                        suspended.continuation.yield()
                    }
                    try transaction.execute("INSERT INTO facts VALUES ()")
                }
                try await group.waitForAll()
            }
            #expect(runs.value == 2)
            #expect(ContinuousClock.now - begun < pair.configuration.timeouts.read, "its own limit was not waited for")
            pair.servers[0].resume()
            await companion.close()
            await database.close()
        }
    }
}
