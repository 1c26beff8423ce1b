import ClusterOpsTestKit
import MariaDB

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

extension TestCluster {
    /// Leaves a row as a hand, or a program before the CHECK, can have left it, which ties the queue's name to what
    /// the work is.
    func damage(_ statement: SQL) async throws {
        try await execute("ALTER TABLE work_queue DROP CONSTRAINT IF EXISTS work_queue_is_its_targets")
        try await execute(statement)
    }

    /// Waits until the server works on a statement of this schema that locks rows for writing.
    ///
    /// While another transaction holds the row, that one waits for it. (`innodb_trx` would tell, but is not renewed for
    /// whoever asks more often than ten times a second.)
    func untilSomebodyLocksForUpdate() async throws {
        try await eventually("somebody locks for update") {
            try await count(
                """
                SELECT COUNT(*) FROM information_schema.processlist
                WHERE db = DATABASE() AND id <> CONNECTION_ID() AND info LIKE '%FOR UPDATE'
                """
            ) > 0
        }
    }

    /// Goes on with what depends on ended operations until nothing is left; returns how many rows each transaction
    /// has locked.
    @discardableResult
    func locksOfBatches() async throws -> [Int] {
        var locks: [Int] = []
        while true {
            try Task.checkCancellation()
            let locked: Int? = try await database.withTransaction { transaction in
                guard try Ending.goOn(in: transaction) != nil else { return nil }
                return try transaction.listed("trx_rows_locked")
            }
            guard let locked else { return locks }
            locks.append(locked)
        }
    }
}

extension Transaction {
    /// What the server lists of this transaction, such as `trx_rows_locked`.
    ///
    /// The list is renewed once nobody has asked for it for 0.1 s: who asks more often keeps everybody from seeing
    /// what is new.
    borrowing func listed(_ column: SQL) throws -> Int {
        for _ in 0..<100 {
            _ = try query("SELECT SLEEP(\(Double.random(in: 0.15...0.35)))")
            let rows = try query(
                "SELECT \(sql: column) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = CONNECTION_ID()"
            )
            if let row = rows.first { return try row.only() }
        }
        throw DatabaseError(code: .unexpectedValue, phase: .fetch, message: "the server does not list this transaction")
    }
}

extension Session {
    /// Rows that this connection has asked the storage engine for.
    borrowing func rowsRead() throws -> Int {
        try query("SHOW SESSION STATUS LIKE 'Handler_read%'").map { try Int($0.decode((String, String).self).1) ?? 0 }
            .reduce(0, +)
    }

    /// Statements that this connection has executed.
    borrowing func statements() throws -> Int {
        Int(try query("SHOW SESSION STATUS LIKE 'Com_stmt_execute'")[0].decode((String, String).self).1) ?? 0
    }
}

extension TestCluster {
    /// Opens the session of a worker, as far as others see it.
    func openSession(
        of worker: inout TestWorker,
        slots: Int = 1,
        lease: Duration = .seconds(60)
    ) async throws {
        try await worker.join()
        let identity = worker.identity
        let opening = SessionStatements.Opening(
            id: identity.session,
            daemon: .queueworker,
            node: identity.nodeID,
            nodeName: identity.node,
            pid: identity.pid,
            slots: slots,
            doorbell: nil,
            lease: lease
        )
        try await database.withSession { try SessionStatements.open(opening, on: $0) }
    }
}
