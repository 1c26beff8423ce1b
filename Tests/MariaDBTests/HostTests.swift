import ClusterOpsTestKit
import Foundation
import ServiceLifecycle
import Testing

@testable import MariaDB

/// A list of two hosts, both of which are the way to one server, by proxies that a test has answer as it likes.
@Suite struct HostTests {
    private struct Ways: Sendable {
        let database: Database
        let first: DatabaseProxy
        let second: DatabaseProxy

        /// Connections of each proxy so far.
        var connections: [Int] { [first, second].map(\.counts.connections) }
    }

    private func withTwoHosts(_ body: @Sendable (Ways) async throws -> Void) async throws {
        try await withFreshSchema { direct, configuration in
            try await direct.administer("CREATE TABLE facts (id INT PRIMARY KEY)")
            let (first, second) = (try DatabaseProxy(to: .shared), try DatabaseProxy(to: .shared))
            defer {
                first.close()
                second.close()
            }
            var configuration = configuration
            configuration.endpoint = .hosts([first, second].map { .init(name: "127.0.0.1", port: $0.port) })
            let database = Database(configuration, logger: .silent)
            try await body(Ways(database: database, first: first, second: second))
            await database.close()
            let facts = try await direct.withSession { try $0.query("SELECT COUNT(*) FROM facts")[0].only(Int.self) }
            #expect(facts == 1, "what was begun again has happened once")
        }
    }

    @Test(arguments: [1047, 1290, 1836, 1053])
    func `a transaction that a server refuses begins again on the next host, with what was done before`(
        code: UInt16
    ) async throws {
        try await withTwoHosts { ways in
            ways.first.order(.refuse(code), at: .statement("INSERT INTO facts"))
            let runs = Locked(0)
            try await ways.database.withTransaction { transaction in
                runs.update { $0 += 1 }
                _ = try transaction.query("SELECT id FROM facts FOR UPDATE")
                try transaction.execute("INSERT INTO facts VALUES (1)")
            }
            #expect(runs.value == 2 && ways.connections == [1, 1])
            #expect(ways.first.counts.interrupted == 1)
        }
    }

    @Test func `a host that refuses a new connection is no fault of the next, which is kept`() async throws {
        try await withTwoHosts { ways in
            ways.first.order(.refuse(1053), at: .statement("information_schema.global_variables"))
            for _ in 0..<3 {
                try await ways.database.withSession { _ = try $0.query("SELECT id FROM facts") }
            }
            try await ways.database.withTransaction { try $0.execute("INSERT INTO facts VALUES (1)") }
            #expect(ways.first.counts.interrupted == 1 && ways.connections == [1, 1])
        }
    }

    @Test func `a killed connection is no reason to leave its host`() async throws {
        try await withTwoHosts { ways in
            ways.first.order(.refuse(1927), at: .statement("INSERT INTO facts"))
            try await ways.database.withTransaction { try $0.execute("INSERT INTO facts VALUES (1)") }
            #expect(ways.connections == [2, 0])
        }
    }

    @Test(arguments: [1047, 1290, 1053, 1927])
    func `a refusal in COMMIT leaves the outcome unknown, and nothing is run again`(code: UInt16) async throws {
        try await withTwoHosts { ways in
            ways.first.order(.refuse(code), at: .commit(of: "INSERT INTO facts"))
            let runs = Locked(0)
            let error = await #expect(throws: DatabaseError.self) {
                try await ways.database.withTransaction { transaction in
                    runs.update { $0 += 1 }
                    try transaction.execute("INSERT INTO facts VALUES (1)")
                }
            }
            #expect(error?.code == .outcomeUnknown && runs.value == 1)
            try await ways.database.withTransaction { try $0.execute("INSERT INTO facts VALUES (1)") }
        }
    }

    @Test func `a statement that a server refuses goes to the next host if it is the first, and else to the caller`()
        async throws
    {
        try await withTwoHosts { ways in
            ways.first.order(.refuse(1047), at: .statement("INSERT INTO facts"))
            try await ways.database.withSession { try $0.execute("INSERT INTO facts VALUES (1)") }
            #expect(ways.connections == [1, 1])
            ways.second.order(.refuse(1047), at: .statement("DO 1"))
            let runs = Locked(0)
            let error = await #expect(throws: DatabaseError.self) {
                try await ways.database.withSession { session in
                    runs.update { $0 += 1 }
                    _ = try session.query("SELECT id FROM facts")
                    try session.execute("DO 1")
                }
            }
            #expect(error?.code == .unknownCommand && runs.value == 1)
        }
    }

    @Test func `a transaction that conflicts in COMMIT begins again more often than one that waits for locks`()
        async throws
    {
        try await withTwoHosts { ways in
            for _ in 0..<RetryPolicy.maximumAttempts {
                ways.first.order(.refuse(1213), at: .commit(of: "INSERT INTO facts"))
            }
            let runs = Locked(0)
            try await ways.database.withTransaction { transaction in
                runs.update { $0 += 1 }
                try transaction.execute("INSERT INTO facts VALUES (1)")
            }
            #expect(runs.value == RetryPolicy.maximumAttempts + 1 && ways.connections == [1, 0])
        }
    }

    @Test func `a service that is to end begins a transaction that conflicts again no more often than others`()
        async throws
    {
        try await withTwoHosts { ways in
            let (runs, most) = (Locked(0), RetryPolicy.maximumAttempts + 3)
            let service = Conflicting(database: ways.database) {
                runs.update { $0 += 1 }
                // It is to end while its transaction is on the way.
                while runs.value == most, !Task.isShuttingDownGracefully { usleep(1000) }
            }
            let group = ServiceGroup(services: [service], logger: .silent)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                try await eventually("it has met more conflicts than it may errors") { runs.value == most }
                await group.triggerGracefulShutdown()
                let error = await #expect(throws: DatabaseError.self) { try await tasks.waitForAll() }
                #expect(error?.code == .deadlock && runs.value == most)
            }
            try await ways.database.withTransaction { try $0.execute("INSERT INTO facts VALUES (1)") }
        }
    }

    @Test func `a first statement that conflicts is run again, and a later one is the caller's`() async throws {
        try await withTwoHosts { ways in
            ways.first.order(.refuse(1213), at: .statement("INSERT INTO facts"))
            try await ways.database.withSession { try $0.execute("INSERT INTO facts VALUES (1)") }
            ways.first.order(.refuse(1213), at: .statement("DO 1"))
            try await ways.database.withRepeatableSession { try $0.execute("DO 1") }
            #expect(ways.first.counts.interrupted == 2)
            ways.first.order(.refuse(1213), at: .statement("DO 1"))
            let error = await #expect(throws: DatabaseError.self) {
                try await ways.database.withSession { session in
                    _ = try session.query("SELECT id FROM facts")
                    try session.execute("DO 1")
                }
            }
            #expect(error?.code == .deadlock && error?.phase == .execute && ways.connections == [1, 0])
            ways.first.order(.refuse(1213), at: .statement("DELETE FROM facts"))
            let batchError = await #expect(throws: DatabaseError.self) {
                try await ways.database.withSession { session in
                    try session.executeBatch([2, 3]) { "DELETE FROM facts WHERE id = \($0)" }
                }
            }
            #expect(batchError?.code == .deadlock, "some of its rows may be written")
        }
    }

    @Test func `a statement whose preparation is outdated is prepared anew, once`() async throws {
        try await withTwoHosts { ways in
            let refusal = Disturbance.refuse(1615)
            ways.first.order(refusal, at: .statement("INSERT INTO facts"))
            try await ways.database.withSession { try $0.execute("INSERT INTO facts VALUES (1)") }
            for _ in 0..<2 { ways.first.order(refusal, at: .statement("DO 1")) }
            let error = await #expect(throws: DatabaseError.self) {
                try await ways.database.withSession { try $0.execute("DO 1") }
            }
            #expect(error?.code == .needsPreparing && ways.first.counts.interrupted == 3)
            try await ways.database.withSession { try $0.execute("DO 1") }
            #expect(ways.connections == [1, 0], "the connection is as good as before")
        }
    }

    @Test func `a transaction in which a preparation is outdated begins again`() async throws {
        try await withTwoHosts { ways in
            ways.first.order(.refuse(1615), at: .statement("INSERT INTO facts"))
            let runs = Locked(0)
            try await ways.database.withTransaction { transaction in
                runs.update { $0 += 1 }
                _ = try transaction.query("SELECT id FROM facts FOR UPDATE")
                try transaction.execute("INSERT INTO facts VALUES (1)")
            }
            #expect(runs.value == 2 && ways.connections == [1, 0])
        }
    }

    @Test func `what one pool notices moves its companions, when their transactions have ended`() async throws {
        try await withTwoHosts { ways in
            let companion = ways.database.companion(connections: 1, timeouts: .init())
            try await ways.database.withTransaction { transaction in
                try transaction.execute("INSERT INTO facts VALUES (1)")
                ways.first.order(.refuse(1047), at: .statement("DO 1"))
                _ = try blocking { try await companion.withRepeatableSession { try $0.execute("DO 1") } }
                _ = try transaction.query("SELECT id FROM facts")
            }
            #expect(ways.connections == [2, 1])
            try await ways.database.withSession { _ = try $0.query("SELECT id FROM facts") }
            #expect(ways.connections == [2, 2])
            await companion.close()
        }
    }

    @Test func `a host that does not answer in time is not tried again before the others`() async throws {
        try await withTwoHosts { ways in
            var short = ConnectionConfiguration.Timeouts()
            short.read = .seconds(1)
            let companion = ways.database.companion(connections: 1, timeouts: short)
            try await companion.withSession { try $0.execute("INSERT INTO facts VALUES (1)") }
            ways.first.slow(.delayed(milliseconds: 3000))
            try await companion.withRepeatableSession { _ = try $0.query("SELECT id FROM facts") }
            #expect(ways.connections == [1, 1])
            await companion.close()
        }
    }

    @Test func `a host that no longer takes connections is passed over, and gone back to once it does`() async throws {
        try await withTwoHosts { ways in
            try await ways.database.withSession { try $0.execute("INSERT INTO facts VALUES (1)") }
            ways.first.isolate()
            try await ways.database.withSession { _ = try $0.query("SELECT id FROM facts") }
            #expect(ways.connections == [1, 1])
            ways.first.heal()
            try await eventually("the first host is used again") {
                try await ways.database.withSession { _ = try $0.query("SELECT id FROM facts") }
                return ways.connections == [2, 1]
            }
            try await ways.database.withSession { _ = try $0.query("SELECT id FROM facts") }
            #expect(ways.connections == [2, 1], "and stayed with")
        }
    }
}

/// A service whose one transaction always meets another that has got through.
private struct Conflicting: Service {
    let database: Database
    let begun: @Sendable () -> Void

    func run() async throws {
        try await database.withTransaction { _ in
            begun()
            throw DatabaseError(code: .deadlock, phase: .commit, message: "another transaction has got through")
        }
    }
}
