import ClusterOpsTestKit
import MariaDB
import Testing

@Suite struct SnapshotTests {
    @Test func `statements in a snapshot see one moment, whatever commits meanwhile, and the next ones see it`()
        async throws
    {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                _ = try session.execute("CREATE TABLE counters (value INT PRIMARY KEY)")
                _ = try session.execute("INSERT INTO counters VALUES (5)")
            }
            @Sendable func look(_ session: borrowing Session) throws -> Int {
                try session.query("SELECT value FROM counters")[0].only()
            }
            let seen = try await database.withSnapshot { session in
                let first = try look(session)
                try blocking { try await database.withSession { _ = try $0.execute("UPDATE counters SET value = 7") } }
                return [first, try look(session)]
            }
            #expect(seen == [5, 5])
            #expect(try await database.withSession(look) == 7)
        }
    }

    @Test func `nothing can be written in a snapshot, and the connection writes again after it`() async throws {
        try await withFreshSchema { database, _ in
            try await database.withSession { _ = try $0.execute("CREATE TABLE counters (value INT PRIMARY KEY)") }
            await #expect(throws: DatabaseError.self) {
                try await database.withSnapshot { _ = try $0.execute("INSERT INTO counters VALUES (1)") }
            }
            try await database.withTransaction { _ = try $0.execute("INSERT INTO counters VALUES (2)") }
            let (isolation, values) = try await database.withSession { session in
                (
                    try session.query("SELECT @@tx_isolation")[0].only(String.self),
                    try session.query("SELECT value FROM counters").map { try $0.only(Int.self) }
                )
            }
            #expect(isolation == "READ-COMMITTED" && values == [2])
        }
    }

    @Test func `a snapshot that does not begin leaves no connection behind whose next transaction has its isolation`()
        async throws
    {
        try await withProxiedCluster(connections: 1) { way in
            let database = way.proxied.database
            try await database.withSession { _ = try $0.execute("CREATE TABLE counters (value INT PRIMARY KEY)") }
            way.proxy.order(.interrupt, at: .statement("WITH CONSISTENT SNAPSHOT"))
            await #expect(throws: DatabaseError.self) {
                try await database.withSnapshot { _ = try $0.query("SELECT value FROM counters") }
            }
            #expect(way.proxy.counts.interrupted == 1)
            let seen = try await database.withTransaction { transaction in
                let before: Int = try transaction.query("SELECT COUNT(*) FROM counters")[0].only()
                try blocking {
                    try await way.direct.database.withSession { _ = try $0.execute("INSERT INTO counters VALUES (1)") }
                }
                return [before, try transaction.query("SELECT COUNT(*) FROM counters")[0].only()]
            }
            #expect(seen == [0, 1], "READ COMMITTED sees what was committed meanwhile")
        }
    }
}
