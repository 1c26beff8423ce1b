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
}
