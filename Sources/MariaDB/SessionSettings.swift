/// The session variables that correctness relies on: set at open, and read back.
struct SessionSettings {
    static let sqlMode =
        "STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"

    private let timeouts: ConnectionConfiguration.Timeouts

    init(_ timeouts: ConnectionConfiguration.Timeouts) {
        self.timeouts = timeouts
    }

    /// Two round trips at each open.
    func apply(to link: ServerLink) throws(DatabaseError) {
        // READ COMMITTED: at REPEATABLE READ a claim's next-key locks block every producer's INSERT.
        try link.command("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", phase: .connect)
        try link.command(
            """
            SET autocommit = 1, time_zone = '+00:00', sql_mode = '\(Self.sqlMode)', \
            innodb_lock_wait_timeout = \(timeouts.lockWait.wholeSeconds), \
            lock_wait_timeout = \(timeouts.read.wholeSeconds), \
            idle_transaction_timeout = \(timeouts.idleTransaction.wholeSeconds), \
            wait_timeout = \(timeouts.idleConnection.wholeSeconds), \
            max_statement_time = \(timeouts.statement.fractionalSeconds)
            """,
            phase: .connect
        )
        try verify(link)
    }

    private func verify(_ link: ServerLink) throws(DatabaseError) {
        let result = try link.run(
            """
            SELECT @@tx_isolation, @@sql_mode, @@time_zone, @@character_set_client, @@autocommit,
                @@innodb_lock_wait_timeout, @@max_statement_time
            """
        )
        let expected: [(String, String)] = [
            ("tx_isolation", "READ-COMMITTED"),
            ("sql_mode", Self.sqlMode),
            ("time_zone", "+00:00"),
            ("character_set_client", "utf8mb4"),
        ]
        do {
            guard let row = result.rows.first else { return try refuse("session settings", "none", "some") }
            let (isolation, mode, zone, charset, autocommit, lockWait, statement) = try row.decode(
                (String, String, String, String, Int, Int, Double).self
            )
            for ((name, wanted), found) in zip(expected, [isolation, mode, zone, charset]) {
                let equal =
                    name == "sql_mode"
                    ? Set(found.split(separator: ",")) == Set(wanted.split(separator: ",")) : found == wanted
                if !equal { try refuse(name, found, wanted) }
            }
            if autocommit != 1 { try refuse("autocommit", "\(autocommit)", "1") }
            if lockWait != Int(timeouts.lockWait.wholeSeconds) {
                try refuse("innodb_lock_wait_timeout", "\(lockWait)", "\(timeouts.lockWait.wholeSeconds)")
            }
            if statement != timeouts.statement.fractionalSeconds {
                try refuse("max_statement_time", "\(statement)", "\(timeouts.statement.fractionalSeconds)")
            }
        } catch let error as DatabaseError {
            throw error
        } catch {
            throw DatabaseError(code: .unsuitableServer, phase: .connect, message: "\(error)")
        }
    }

    private func refuse(_ name: String, _ found: String, _ wanted: String) throws(DatabaseError) {
        throw DatabaseError(
            code: .unsuitableServer,
            phase: .connect,
            message: "the session's \(name) is \(found) although \(wanted) was set"
        )
    }
}
