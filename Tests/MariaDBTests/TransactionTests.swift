import ClusterOpsTestKit
import MariaDB
import Testing

@Suite struct TransactionTests {
    @Test func `a transaction commits when its body returns, and leaves nothing when it throws`() async throws {
        struct Refused: Error {}
        try await withCounters { database in
            try await database.withTransaction { transaction in
                try transaction.execute("UPDATE counters SET value = 5 WHERE id = 1")
            }
            await #expect(throws: Refused.self) {
                try await database.withTransaction { transaction in
                    try transaction.execute("UPDATE counters SET value = 9 WHERE id = 1")
                    throw Refused()
                }
            }
            #expect(try await value(1, in: database) == 5)
        }
    }

    @Test func `victims of deadlocks begin again, and nothing is lost or done twice`() async throws {
        let rounds = 60
        let begun = Locked(0)
        try await withCounters { database in
            try await withThrowingDiscardingTaskGroup { group in
                for (first, second) in [(1, 2), (2, 1), (1, 2), (2, 1)] {
                    group.addTask {
                        for _ in 0..<rounds {
                            try await database.withTransaction { transaction in
                                begun.update { $0 += 1 }
                                for id in [first, second] {
                                    try transaction.execute("UPDATE counters SET value = value + 1 WHERE id = \(id)")
                                }
                            }
                        }
                    }
                }
            }
            #expect(try await value(1, in: database) == 4 * rounds)
            #expect(try await value(2, in: database) == 4 * rounds)
        }
        #expect(begun.value > 4 * rounds, "no deadlock arose: this run proved nothing")
    }

    @Test func `a body that swallows a lock timeout cannot commit the rest`() async throws {
        try await withCounters { database in
            let holder = try await Connection.open(database.testConfiguration)
            try await holder.withSession { session in
                try session.execute("SET autocommit = 0")
                try session.execute("UPDATE counters SET value = 7 WHERE id = 2")
            }
            await #expect(throws: DatabaseError.self) {
                try await database.withTransaction { transaction in
                    try transaction.execute("UPDATE counters SET value = value + 1 WHERE id = 1")
                    // 1205 undoes this statement only; a COMMIT now would keep half of the transaction.
                    _ = try? transaction.execute(
                        "SET STATEMENT innodb_lock_wait_timeout = 0 FOR UPDATE counters SET value = 8 WHERE id = 2"
                    )
                }
            }
            await holder.close()
            #expect(try await value(1, in: database) == 0)
        }
    }

    @Test func `a connection lost in COMMIT is an unknown outcome, and is not run again`() async throws {
        try await withCounters { database in
            let begun = Locked(0)
            let killer = database
            let error = await #expect(throws: DatabaseError.self) {
                let connection = try await Connection.open(database.testConfiguration)
                let id = try await connection.withSession { try $0.query("SELECT CONNECTION_ID()")[0].only(Int.self) }
                try await connection.withTransaction { transaction in
                    begun.update { $0 += 1 }
                    try transaction.execute("UPDATE counters SET value = 3 WHERE id = 1")
                    try blocking { try await killer.administer("KILL CONNECTION \(id)") }
                }
            }
            #expect(error?.code == .outcomeUnknown)
            #expect(begun.value == 1)
        }
    }

    @Test func `a connection lost before COMMIT is replaced and the transaction begun again`() async throws {
        try await withCounters { database in
            let begun = Locked(0)
            try await database.withTransaction { transaction in
                if begun.update({
                    $0 += 1; return $0
                }) == 1 {
                    let id = try transaction.query("SELECT CONNECTION_ID()")[0].only(Int.self)
                    try blocking { try await database.administer("KILL CONNECTION \(id)") }
                }
                try transaction.execute("UPDATE counters SET value = value + 1 WHERE id = 1")
            }
            #expect(begun.value == 2)
            #expect(try await value(1, in: database) == 1)
        }
    }

    @Test func `DDL inside a transaction is found out at COMMIT`() async throws {
        try await withCounters { database in
            let error = await #expect(throws: DatabaseError.self) {
                try await database.withTransaction { transaction in
                    try transaction.execute("CREATE TABLE surprise (id INT)")
                }
            }
            #expect(error?.code == .transactionEnded)
        }
    }

    @Test func `of transactions that follow each other only the first has a BEGIN, and no statement is left open`()
        async throws
    {
        try await withCounters(connections: 1) { database in
            var sent: [Int] = []
            for _ in 0..<4 {
                let before = try await questions(in: database)
                try await database.withTransaction { transaction in
                    _ = try transaction.execute("UPDATE counters SET value = value + 1 WHERE id = 1")
                }
                sent.append(try await questions(in: database) - before - 1)
            }
            #expect(sent.suffix(2) == [2, 2], "\(sent): the UPDATE and COMMIT")
            let state = try await database.withTransaction { transaction in
                try transaction.query("SELECT @@autocommit + @@in_transaction")[0].only(Int.self)
            }
            #expect(state == 0)
            // A statement by itself is committed, whatever the connection was used for before.
            try await database.withSession { try $0.execute("UPDATE counters SET value = 40 WHERE id = 2") }
            let other = try await Connection.open(database.testConfiguration)
            let seen = try await other.withSession { session in
                try session.query("SELECT value FROM counters ORDER BY id").map { try $0.only(Int.self) }
            }
            #expect(seen == [4, 40])
            await other.close()
        }
    }

    @Test func `reads before a transaction leave none open, and what was written outside of one stays`() async throws {
        struct Refused: Error {}
        try await withCounters(connections: 1) { database in
            let pool = database.database
            @Sendable func state(_ session: borrowing Session) throws -> Int {
                try session.query("SELECT @@autocommit * 2 + @@in_transaction")[0].only(Int.self)
            }
            for _ in 0..<2 { try await database.withTransaction { _ = try $0.query("SELECT value FROM counters") } }
            let open = try await pool.withReadsBeforeTransaction { session in
                _ = try session.query("SELECT value FROM counters")
                return try state(session)
            }
            #expect(open == 1, "the connection does not autocommit: this run proves something")
            let afterReads = try await pool.withReadsBeforeTransaction { try state($0) }
            #expect(afterReads == 0)
            try await pool.withReadsBeforeTransaction { session in
                _ = try session.execute("UPDATE counters SET value = 7 WHERE id = 1")
            }
            await #expect(throws: Refused.self) {
                try await pool.withReadsBeforeTransaction { session in
                    try session.transaction { _ = try $0.execute("UPDATE counters SET value = 8 WHERE id = 2") }
                    _ = try session.query("SELECT value FROM counters")
                    throw Refused()
                }
            }
            let afterError = try await pool.withReadsBeforeTransaction { try state($0) }
            #expect(afterError == 0)
            #expect(try await value(1, in: database) == 7)
            #expect(try await value(2, in: database) == 8)
        }
    }

    @Test func `a first statement that fails has begun a transaction, and an implicit commit is found out in any`()
        async throws
    {
        try await withCounters(connections: 1) { database in
            for _ in 0..<3 {
                try await database.withTransaction { transaction in
                    _ = try? transaction.execute("INSERT INTO counters VALUES (1, 0)")
                }
                try await database.withTransaction { transaction in
                    _ = try? transaction.execute("INSERT INTO counters VALUES (1, 0)")
                    try transaction.execute("UPDATE counters SET value = value + 1 WHERE id = 1")
                }
            }
            #expect(try await value(1, in: database) == 3)
            for _ in 0..<3 { try await database.withTransaction { _ = try $0.query("SELECT value FROM counters") } }
            let first = await #expect(throws: DatabaseError.self) {
                try await database.withTransaction { transaction in
                    try transaction.execute("CREATE TABLE first_of_all (id INT)")
                    try transaction.execute("UPDATE counters SET value = 99 WHERE id = 1")
                }
            }
            let second = await #expect(throws: DatabaseError.self) {
                try await database.withTransaction { transaction in
                    try transaction.execute("UPDATE counters SET value = 4 WHERE id = 1")
                    try transaction.execute("CREATE TABLE in_the_middle (id INT)")
                    try transaction.execute("UPDATE counters SET value = 99 WHERE id = 1")
                }
            }
            #expect(first?.code == .transactionEnded && second?.code == .transactionEnded)
            #expect(try await value(1, in: database) == 4, "nothing after the implicit commit")
        }
    }

    /// Statements that the one connection has sent, this one included.
    private func questions(in pool: TestPool) async throws -> Int {
        try await pool.withTransaction { transaction in
            try Int(transaction.query("SHOW SESSION STATUS LIKE 'Questions'")[0].decode((String, String).self).1) ?? 0
        }
    }

    private func withCounters(connections: Int = 8, _ body: @Sendable (TestPool) async throws -> Void) async throws {
        try await withFreshSchema(connections: connections) { database, configuration in
            try await database.withSession { session in
                try session.execute("CREATE TABLE counters (id INT PRIMARY KEY, value INT NOT NULL)")
                try session.execute("INSERT INTO counters VALUES (1, 0), (2, 0)")
            }
            try await body(TestPool(database: database, testConfiguration: configuration))
        }
    }

    private func value(_ id: Int, in pool: TestPool) async throws -> Int {
        try await pool.withSession { session in
            try session.query("SELECT value FROM counters WHERE id = \(id)")[0].only(Int.self)
        }
    }
}
