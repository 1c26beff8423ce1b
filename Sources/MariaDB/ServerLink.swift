import CMariaDB
import Foundation

/// One `MYSQL *`: opened, asked and closed on the thread of the `Connection` that owns it.
///
/// Not Sendable on purpose. Everything here blocks.
@safe final class ServerLink {
    private let mysql: UnsafeMutablePointer<MYSQL>
    private var statements = StatementCache()

    /// Set when the server has ended the transaction by itself (deadlock) or must no longer be trusted with it.
    private(set) var transactionFailure: DatabaseError?
    /// A Boolean value that indicates whether the connection must be thrown away.
    private(set) var isBroken = false {
        didSet { if isBroken, isOpen { usability.end() } }
    }
    /// A Boolean value that indicates whether it is connected to a server that serves: until then what is found is no
    /// finding of the connection, which may lead to the next host.
    private var isOpen = false
    private let usability: Usability
    private let hosts: ServerHosts
    private let longestRead: Duration
    /// The name that the server gives itself, by which servers are told from one another.
    private(set) var server = ""
    /// A Boolean value that indicates whether reads wait for what other members of a Galera cluster have committed.
    private var waitsForMembers = false
    /// A Boolean value that indicates whether any statement has succeeded since the connection was last lent.
    private(set) var hasDoneAnything = false
    /// A Boolean value that indicates whether a transaction was begun and neither committed nor rolled back.
    private(set) var inTransaction = false
    /// A Boolean value that indicates whether a statement outside of a transaction commits by itself.
    ///
    /// Off while the connection is used for one transaction after the other: each begins with its first statement
    /// then, and BEGIN's round trip is saved.
    private var autocommits = true
    private var lentFor = ConnectionUse.statements
    /// A Boolean value that indicates whether the server may have a transaction open.
    private var mayBeOpen = false

    /// Connects, sets and verifies the session, see `SessionSettings`, and sees that the server serves.
    ///
    /// - Parameters:
    ///   - configuration: As whom, and the limits.
    ///   - address: Where.
    ///   - hosts: Where else, told of what is learned about this one.
    ///   - usability: Told when the connection has broken.
    /// - Throws: `DatabaseError`; nothing is open then.
    init(
        _ configuration: ConnectionConfiguration,
        at address: ServerHosts.Address,
        of hosts: ServerHosts,
        usability: Usability
    ) throws(DatabaseError) {
        (self.usability, self.hosts, longestRead) = (usability, hosts, configuration.timeouts.read)
        unsafe mysql = unsafe try Self.connect(configuration, at: address, isOnly: !hosts.hasOthers)
        usability.connected(by: unsafe mysql_get_socket(mysql))
        if configuration.tls != .disabled, unsafe mysql_get_ssl_cipher(mysql) == nil {
            // libmariadb 3.3 connects in plain text although MYSQL_OPT_SSL_ENFORCE is set, when the server has no TLS.
            throw DatabaseError(
                code: .plaintextRefused,
                phase: .connect,
                message: "the server offers no TLS, and the configuration asks for it"
            )
        }
        let state: ServerState
        do {
            try SessionSettings(configuration.timeouts).apply(to: self)
            state = try self.state()
        } catch {
            guard error.code == .lockWaitTimeout else { throw error }
            // No row is waited for here: the server's own wsrep_sync_wait is on.
            throw refusal("\(address)", "its reads wait for other members in vain", .connect)
        }
        if let reason = hosts.refusal(of: state) { throw refusal("\(address)", reason, .connect) }
        // A read on another member than the last write's, as after a change of servers, waits for that write. In the
        // trials 4 of 50 reads right after a write were stale without it, and none with it, for 40 µs each.
        if state.member != nil {
            try command("SET SESSION wsrep_sync_wait = 1", phase: .connect)
            waitsForMembers = true
        }
        server = state.name
        isOpen = true
    }

    deinit {
        statements.removeAll()
        hosts.forget(usability)
        usability.connected(by: nil)
        unsafe mysql_close(mysql)
    }

    /// Asks the server for its state in the middle of whatever it is used for, which goes on as before.
    ///
    /// - Throws: `DatabaseError`, also when the answer shows that the transaction was undone.
    private func state() throws(DatabaseError) -> ServerState {
        let before = (failure: transactionFailure, hasDoneAnything: hasDoneAnything)
        defer { hasDoneAnything = before.hasDoneAnything }
        transactionFailure = nil
        let question = waitsForMembers ? ServerState.questionAtOnce : ServerState.question
        let found = try run(question).namedValues()
        if let transactionFailure { throw transactionFailure }
        transactionFailure = before.failure
        return ServerState(found)
    }

    /// Runs a text statement that cannot be prepared or returns nothing (SET, BEGIN, DDL).
    func command(_ text: String, phase: DatabaseError.Phase = .execute) throws(DatabaseError) {
        try waitingForMembers(text) { () throws(DatabaseError) in try send(text, phase) }
    }

    private func send(_ text: String, _ phase: DatabaseError.Phase) throws(DatabaseError) {
        let sent = ContinuousClock.now
        let failed = unsafe text.utf8CString.withUnsafeBufferPointer { buffer in
            unsafe mysql_real_query(mysql, buffer.baseAddress, CUnsignedLong(buffer.count - 1)) != 0
        }
        if failed { throw failure(phase, statement: text, sentAt: sent) }
        // None of our commands returns rows; an unread result would poison the next call (2014).
        if let result = unsafe mysql_store_result(mysql) { unsafe mysql_free_result(result) }
    }

    /// Runs a prepared statement once.
    func run(_ sql: SQL) throws(DatabaseError) -> StatementResult {
        try run(text: sql.text, rows: [sql.values])
    }

    /// Runs a prepared statement for each set of values in one round trip (array binding).
    ///
    /// The statements stop at the first that fails; those before it have taken effect in the open transaction.
    func run(text: String, rows: [[SQLValue]]) throws(DatabaseError) -> StatementResult {
        if let transactionFailure { throw transactionFailure }
        do {
            return try waitingForMembers(text) { () throws(DatabaseError) in try execute(text, rows) }
        } catch {
            // Nothing was executed. A handle that Galera has outdated stays so for ever, so another takes its place;
            // within a transaction only one that is begun again is sure to be whole.
            guard error.code == .needsPreparing else { throw error }
            statements.remove(text)
            guard !inTransaction else { throw error }
            return try execute(text, rows)
        }
    }

    /// Runs a statement, and a read again that could not wait for the other members of a Galera cluster.
    ///
    /// - Throws: `DatabaseError`; `doesNotServe` if the member has no quorum, or does not know in time: `MemberWait`.
    private func waitingForMembers<Result>(
        _ text: String,
        _ body: () throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        let end = ContinuousClock.now + MemberWait.longestDecision
        while true {
            let begun = ContinuousClock.now
            do {
                return try body()
            } catch {
                let now = ContinuousClock.now
                guard waitsForMembers, MemberWait.mayExplain(error, of: text) else { throw error }
                if let reason = hosts.refusal(of: try state()) { throw refusal(server, reason, error.phase) }
                guard MemberWait.explains(error, of: text, tried: now - begun) else { throw error }
                guard now < end else {
                    throw refusal(server, "its members do not know in time which of them are left", error.phase)
                }
                transactionFailure = nil
                // Nothing tells of the decision; the thread is this connection's own, and has nothing else to do.
                poll(nil, 0, MemberWait.pause)
            }
        }
    }

    /// Makes the error that the server does not serve, and takes note of it.
    private func refusal(_ server: String, _ reason: String, _ phase: DatabaseError.Phase) -> DatabaseError {
        let message = "\(server) does not serve: \(reason)"
        let error = DatabaseError(code: .doesNotServe, phase: phase, message: message)
        note(error, sentAt: .now)
        return error
    }

    private func execute(_ text: String, _ rows: [[SQLValue]]) throws(DatabaseError) -> StatementResult {
        let sent = ContinuousClock.now
        let statement = try prepared(text)
        do {
            let result = try statement.execute(rows)
            hasDoneAnything = true
            noteTransaction(after: result)
            return result
        } catch {
            // An error comes without the server's flag; without autocommit the statement may have begun one.
            mayBeOpen = mayBeOpen || !autocommits
            // With autocommit the rows before the one that failed are written.
            if rows.count > 1 { hasDoneAnything = true }
            note(error, sentAt: sent)
            throw error
        }
    }

    /// Runs a prepared statement once; one that did not get its locks in time is undone, and the transaction goes on.
    ///
    /// - Returns: Nil when the statement was undone.
    /// - Throws: The lock's error where the server was started with `innodb_rollback_on_timeout`: then the
    ///   transaction is gone with the statement.
    func runUnlessLocked(_ sql: SQL) throws(DatabaseError) -> StatementResult? {
        do {
            return try run(sql)
        } catch {
            guard error.code == .lockWaitTimeout, inTransaction else { throw error }
            transactionFailure = nil
            guard try !isTransactionOpen() else { return nil }
            transactionFailure = error
            throw error
        }
    }

    /// Asks the server whether the transaction is still open, by a statement that does nothing, and is not prepared.
    private func isTransactionOpen() throws(DatabaseError) -> Bool {
        try send("DO 0", .execute)
        return saysTransactionIsOpen
    }

    /// The flag that came with the server's last success.
    private var saysTransactionIsOpen: Bool {
        unsafe mysql.pointee.server_status & UInt32(SERVER_STATUS_IN_TRANS) != 0
    }

    /// Takes note that the connection is lent anew; lent for statements that commit by themselves, it has them do so.
    func lend(for use: ConnectionUse) throws(DatabaseError) {
        hasDoneAnything = false
        lentFor = use
        guard use == .statements else { return }
        usability.use = .statements
        guard !autocommits else { return }
        try command("SET autocommit = 1")
        autocommits = true
    }

    /// Ends what statements outside of a transaction have left open because the connection does not autocommit.
    ///
    /// - Parameter keeping: Whether they went well, so that what they wrote stays, as it does with autocommit.
    /// - Throws: `DatabaseError` of the COMMIT; what has been written is harmless to write again.
    func takeBack(keeping: Bool) throws(DatabaseError) {
        guard !autocommits, mayBeOpen, !inTransaction, !isBroken else { return }
        guard keeping else { return rollback() }
        try command("COMMIT")
        mayBeOpen = false
    }

    /// A Boolean value that indicates whether another server may be asked what this one refused.
    var mayGoElsewhere: Bool { hosts.hasOthers && !hasDoneAnything }

    // MARK: Transactions

    /// Begins a transaction: the first on this connection by a statement of its own, any further one that follows on
    /// another by its own first statement.
    func begin() throws(DatabaseError) {
        transactionFailure = nil
        if autocommits, lentFor == .transactions, usability.use == .transactions {
            try command("SET autocommit = 0", phase: .begin)
            autocommits = false
        } else if autocommits {
            try command("START TRANSACTION", phase: .begin)
            mayBeOpen = true
        }
        usability.use = lentFor
        inTransaction = true
    }

    /// Takes note of whether the server has a transaction open after a statement that went well.
    private func noteTransaction(after result: StatementResult) {
        let isOpen = saysTransactionIsOpen
        // Without autocommit a transaction begins with the first statement that uses a table; all of ours do, but for
        // some that only ask the server for a value.
        if inTransaction, !isOpen, mayBeOpen || !result.hasColumns {
            transactionFailure = .lostTransaction(onMember: waitsForMembers)
        }
        mayBeOpen = isOpen
    }

    /// Begins a transaction that reads as of now, whatever commits meanwhile, and writes nothing.
    func beginSnapshot() throws(DatabaseError) {
        transactionFailure = nil
        // For the next transaction only; at the session's READ COMMITTED every statement has a snapshot of its own.
        try command("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", phase: .begin)
        do {
            try command("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", phase: .begin)
        } catch {
            // The next transaction of this connection would have the isolation that this one was to have.
            isBroken = true
            throw error
        }
        mayBeOpen = true
        inTransaction = true
    }

    /// Commits, or throws `outcomeUnknown` when neither success nor failure is certain.
    func commit() throws(DatabaseError) {
        if let transactionFailure { throw transactionFailure }
        guard mayBeOpen else {
            // Nothing has begun one.
            inTransaction = false
            return
        }
        do {
            try command("COMMIT", phase: .commit)
            inTransaction = false
            mayBeOpen = false
        } catch {
            switch error.code {
            case .deadlock, .snapshotConflict: throw error  // Galera: certification failed, nothing was written
            default:
                isBroken = true
                throw DatabaseError(
                    code: .outcomeUnknown,
                    phase: .commit,
                    message: "COMMIT failed with \(error.code.rawValue); it may or may not have taken effect"
                )
            }
        }
    }

    /// Rolls back; a failure marks the connection as broken, which ends the transaction as surely.
    func rollback() {
        transactionFailure = nil
        inTransaction = false
        guard !isBroken else { return }
        do {
            try command("ROLLBACK", phase: .rollback)
            mayBeOpen = false
        } catch {
            isBroken = true
        }
    }

    /// Asks for a sign of life, and where there are other servers whether this one serves.
    func serves() -> Bool {
        guard hosts.hasOthers else {
            let alive = unsafe mysql_ping(mysql) == 0
            if !alive { isBroken = true }
            return alive
        }
        do {
            let isGood = hosts.refusal(of: try state()) == nil
            // Without autocommit the question may have begun a transaction.
            try takeBack(keeping: true)
            guard isGood else {
                usability.failure = .refuses
                isBroken = true
                return false
            }
            return true
        } catch {
            isBroken = true
            return false
        }
    }

    // MARK: Pieces

    private func prepared(_ text: String) throws(DatabaseError) -> PreparedStatement {
        if let statement = statements[text] { return statement }
        let sent = ContinuousClock.now
        do {
            let statement = try prepare(text)
            statements.insert(statement)
            try refuseUndone()
            return statement
        } catch {
            note(error, sentAt: sent)
            throw error
        }
    }

    /// Refuses to go on with a transaction that other members' writes have undone while a statement was prepared.
    ///
    /// A member looks for that only when it has already answered that the statement is prepared, and mentions it to
    /// nobody: what was prepared would be executed in a new transaction.
    private func refuseUndone() throws(DatabaseError) {
        guard waitsForMembers, mayBeOpen, try !isTransactionOpen() else { return }
        throw DatabaseError.lostTransaction(onMember: true)
    }

    /// Prepares a statement; when the server has no room for more of them, gives up this connection's own first.
    private func prepare(_ text: String) throws(DatabaseError) -> PreparedStatement {
        do {
            return unsafe try PreparedStatement(mysql, text: text)
        } catch {
            guard error.code == .tooManyStatements else { throw error }
            statements.removeAll()
            return unsafe try PreparedStatement(mysql, text: text)
        }
    }

    /// Remembers what an error means for the transaction, for the connection, and for its host.
    private func note(_ error: DatabaseError, sentAt sent: ContinuousClock.Instant) {
        if !isOpen {
            // The next host is tried.
        } else if error.isRefusalToServe || error.code == .errorDuringCommit {
            usability.failure = .refuses
        } else if error.isOfClient, ContinuousClock.now - sent >= longestRead {
            usability.failure = .hangs
        }
        if error.breaksConnection { isBroken = true }
        switch error.code {
        case .deadlock, .snapshotConflict, .lockWaitTimeout:
            // After 1213 and 1020 the server has no transaction any more, and the next statement would commit by
            // itself; after 1205 it kept all but one statement. Neither must be built upon.
            if inTransaction { transactionFailure = error }
        default: break
        }
    }

    private func failure(
        _ phase: DatabaseError.Phase,
        statement: String?,
        sentAt sent: ContinuousClock.Instant
    ) -> DatabaseError {
        let error = unsafe DatabaseError(lastOf: mysql, phase, of: statement)
        note(error, sentAt: sent)
        return error
    }
}
