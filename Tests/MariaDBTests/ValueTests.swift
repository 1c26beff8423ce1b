import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@Suite struct ValueTests {
    @Test func `every value comes back as it was bound`() async throws {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                try session.execute(
                    """
                    CREATE TABLE samples (
                        small INT NULL, large BIGINT UNSIGNED NULL, real_number DOUBLE NULL,
                        words LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL, raw LONGBLOB NULL,
                        id UUID NULL, at DATETIME(6) NULL, document JSON NULL, flag BOOLEAN NULL
                    )
                    """
                )
                for sample in Sample.all {
                    try session.execute("DELETE FROM samples")
                    try session.execute(
                        """
                        INSERT INTO samples VALUES (\(sample.small), \(sample.large), \(sample.real), \(sample.words),
                            \(sample.raw), \(sample.id), \(sample.at), \(sample.document), \(sample.flag))
                        """
                    )
                    let row = try #require(try session.query("SELECT * FROM samples").first)
                    #expect(try row.get("small") == sample.small)
                    #expect(try row.get("large") == sample.large)
                    #expect(try row.get("real_number") == sample.real)
                    #expect(try row.get("words") == sample.words)
                    #expect(try row.get("raw") == sample.raw)
                    #expect(try row.get("id") == sample.id)
                    #expect(try row.get("at") == sample.at)
                    #expect(
                        try row.get("document", as: JSONColumn<[String: [Int]]>?.self)?.value == sample.document?.value
                    )
                    #expect(try row.get("flag") == sample.flag)
                }
            }
        }
    }

    @Test func `an id of every version keeps its text, and finds its row`() async throws {
        let ids = (1...8).map { version in "0192f0c1-23ab-\(version)cde-89ab-0123456789ab" }
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                try session.execute("CREATE TABLE keyed (id UUID NOT NULL PRIMARY KEY)")
                for text in ids {
                    let id = try #require(UUID(uuidString: text))
                    try session.execute("INSERT INTO keyed VALUES (\(id))")
                    let rows = try session.query(
                        "SELECT CAST(id AS CHAR) FROM keyed WHERE id IN (\(list: [id, id, id]))"
                    )
                    #expect(try rows.map { try $0.only(String.self) } == [text])
                }
            }
        }
    }

    @Test func `a prepared statement reads its columns as they are now, after others have changed their table`()
        async throws
    {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                try session.execute("CREATE TABLE changed (a INT NOT NULL, b INT NOT NULL)")
                try session.execute("INSERT INTO changed VALUES (1, 2)")
                for change: SQL in [
                    "DO 0", "ALTER TABLE changed MODIFY b INT NOT NULL FIRST",
                    "ALTER TABLE changed ADD c INT NULL FIRST",
                    "ALTER TABLE changed MODIFY a BIGINT UNSIGNED NOT NULL, DROP c",
                ] {
                    try session.execute(change)
                    let row = try #require(try session.query("SELECT a, b FROM changed").first)
                    #expect(try row.get("a") == 1)
                    #expect(try row.get("b") == 2)
                }
                let words = "longer than any number"
                try session.execute("ALTER TABLE changed MODIFY a VARCHAR(64) NOT NULL")
                try session.execute("UPDATE changed SET a = \(words)")
                let row = try #require(try session.query("SELECT a, b FROM changed").first)
                #expect(try row.get("a") == words)
            }
        }
    }

    @Test func `a wrong type names the column and what was found, not the value`() async throws {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                let row = try #require(try session.query("SELECT CONCAT('sec', 'ret') AS password, 300 AS size").first)
                let error = #expect(throws: DatabaseError.self) { try row.get("password", as: Int.self) }
                #expect(error?.code == .unexpectedValue)
                #expect(text(of: error).contains("column 'password'"))
                #expect(!text(of: error).contains("secret"))
                #expect(throws: DatabaseError.self) { try row.get("size", as: UInt8.self) }
                #expect(throws: DatabaseError.self) { try row.get("absent", as: Int.self) }
                #expect(throws: DatabaseError.self) { try row.decode((String, Int, Int).self) }
                #expect(throws: DatabaseError.self) { try row.decode((String).self) }
            }
        }
    }

    @Test func `a duplicate names its key and not its value`() async throws {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                try session.execute("CREATE TABLE users (name VARCHAR(20) NOT NULL, UNIQUE KEY users_by_name (name))")
                try session.execute("INSERT INTO users VALUES ('secret')")
                let error = #expect(throws: DatabaseError.self) {
                    try session.execute("INSERT INTO users VALUES (\("secret"))")
                }
                #expect(error?.duplicateKey == "users_by_name")
                #expect(!text(of: error).contains("secret"))
            }
        }
    }

    @Test func `a batch runs one statement for each element, NULLs among them`() async throws {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                try session.execute(
                    "CREATE TABLE pairs (id BIGINT PRIMARY KEY, word VARCHAR(20) CHARACTER SET utf8mb4 NULL, at DATETIME(6))"
                )
                let elements: [(Int, String?)] = [(1, "one"), (2, nil), (3, ""), (4, "four 🎈")]
                let now = Timestamp(microseconds: 1_800_000_000_123_456)
                let inserted = try session.executeBatch(elements) {
                    "INSERT INTO pairs VALUES (\($0.0), \($0.1), \(now))"
                }
                #expect(inserted == 4)
                let words = try session.query("SELECT word FROM pairs ORDER BY id").map { try $0.only(String?.self) }
                #expect(words == elements.map(\.1))
                let deleted = try session.executeBatch([1, 3, 9]) { "DELETE FROM pairs WHERE id = \($0)" }
                #expect(deleted == 2)
                let updated = try session.executeBatch([2, 4]) { "UPDATE pairs SET word = 'x' WHERE id = \($0)" }
                #expect(updated == 2)
                #expect(try session.executeBatch([Int]()) { "DELETE FROM pairs WHERE id = \($0)" } == 0)
            }
        }
    }

    @Test(arguments: [0, 1, 3, 256, 700])
    func `elements are written together, each once, by a statement for a power of two of them`(
        count: Int
    ) async throws {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                try session.execute("CREATE TABLE numbers (id BIGINT PRIMARY KEY, word VARCHAR(20) NULL)")
                let texts = Locked(Set<String>())
                let inserted = try session.execute(together: Array(0..<count)) { number in
                    let word: String? = number % 2 == 0 ? nil : "odd"
                    return "(\(number), \(word))"
                } in: { rows in
                    let statement: SQL = "INSERT INTO numbers VALUES \(sql: rows)"
                    texts.update { _ = $0.insert(statement.text) }
                    return statement
                }
                #expect(inserted == count)
                let found = try session.query("SELECT COUNT(*), COUNT(word) FROM numbers")[0].decode((Int, Int).self)
                #expect(found.0 == count && found.1 == count / 2)
                // 700 is 256 + 256 + 128 + 32 + 16 + 8 + 4.
                let powers = min(count, 255).nonzeroBitCount + (count >= 256 ? 1 : 0)
                #expect(texts.value.count == (count == 700 ? 6 : count == 256 ? 1 : powers), "\(texts.value.count)")
            }
        }
    }

    @Test func `long values are spread over several statements, and a single one goes alone`() async throws {
        try await withFreshSchema { database, _ in
            try await database.withSession { session in
                try session.execute("CREATE TABLE texts (id BIGINT PRIMARY KEY, word MEDIUMTEXT)")
                let word = String(repeating: "x", count: 3 << 20)
                let statements = Locked(0)
                let inserted = try session.execute(together: Array(0..<3)) {
                    "(\($0), \(word))"
                } in: { rows in
                    statements.update { $0 += 1 }
                    return "INSERT INTO texts VALUES \(sql: rows)"
                }
                #expect(inserted == 3 && statements.value == 3)
            }
        }
    }
}

private struct Sample: Sendable {
    var small: Int?
    var large: UInt64?
    var real: Double?
    var words: String?
    var raw: [UInt8]?
    var id: UUID?
    var at: Timestamp?
    var document: JSONColumn<[String: [Int]]>?
    var flag: Bool?

    static let all: [Sample] = [
        Sample(),
        Sample(
            small: -2_147_483_648,
            large: .max,
            real: 0.1,
            words: "",
            raw: [],
            id: UUID(),
            at: Timestamp(microseconds: 0),
            document: JSONColumn([:]),
            flag: false
        ),
        Sample(
            small: 2_147_483_647,
            large: 0,
            real: -1e300,
            words: "a\0b 'quoted' \\ é😀 ",
            raw: Array(0...255),
            id: UUID(),
            at: Timestamp(microseconds: 1_790_000_000_999_999),
            document: JSONColumn(["a/b": [1, 2]]),
            flag: true
        ),
        Sample(
            words: String(repeating: "long ", count: 200_000),
            raw: Array(repeating: 7, count: 1_000_000),
            at: Timestamp("9999-12-31T23:59:59.999999Z")
        ),
    ]
}
