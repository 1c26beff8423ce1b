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
        didSet { if isBroken { usability.end() } }
    }
    private let usability: Usability
    /// A Boolean value that indicates whether any statement has succeeded since the connection was last lent.
    private(set) var hasDoneAnything = false
    /// A Boolean value that indicates whether a transaction was begun and neither committed nor rolled back.
    private(set) var inTransaction = false

    /// Connects, then sets and verifies the session; see `SessionSettings`.
    ///
    /// - Parameters:
    ///   - configuration: where and as whom.
    ///   - usability: told when the connection has broken.
    /// - Throws: `DatabaseError`; nothing is open then.
    init(_ configuration: ConnectionConfiguration, usability: Usability) throws(DatabaseError) {
        self.usability = usability
        _ = libraryInitialised
        unsafe mysql = unsafe try Self.connect(configuration)
        if configuration.tls != .disabled, unsafe mysql_get_ssl_cipher(mysql) == nil {
            // libmariadb 3.3 connects in plain text although MYSQL_OPT_SSL_ENFORCE is set, when the server has no TLS.
            throw DatabaseError(
                code: .plaintextRefused,
                phase: .connect,
                message: "the server offers no TLS, and the configuration asks for it"
            )
        }
        try SessionSettings(configuration.timeouts).apply(to: self)
    }

    deinit {
        statements.removeAll()
        unsafe mysql_close(mysql)
    }

    /// Runs a text statement that cannot be prepared or returns nothing (SET, BEGIN, DDL).
    func command(_ text: String, phase: DatabaseError.Phase = .execute) throws(DatabaseError) {
        let failed = unsafe text.utf8CString.withUnsafeBufferPointer { buffer in
            unsafe mysql_real_query(mysql, buffer.baseAddress, CUnsignedLong(buffer.count - 1)) != 0
        }
        if failed { throw failure(phase, statement: text) }
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
        let statement = try prepared(text)
        do {
            let result = try statement.execute(rows)
            hasDoneAnything = true
            return result
        } catch {
            note(error)
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
            let rows = try run("SELECT @@in_transaction").rows
            let isOpen = (try? rows.first?.only(Bool.self)) ?? false
            guard !isOpen else { return nil }
            transactionFailure = error
            throw error
        }
    }

    /// Takes note that the connection is lent anew.
    func lend() {
        hasDoneAnything = false
    }

    // MARK: Transactions

    func begin() throws(DatabaseError) {
        transactionFailure = nil
        try command("START TRANSACTION", phase: .begin)
        inTransaction = true
    }

    /// Begins a transaction that reads as of now, whatever commits meanwhile, and writes nothing.
    func beginSnapshot() throws(DatabaseError) {
        transactionFailure = nil
        // For the next transaction only; at the session's READ COMMITTED every statement would have a snapshot of its own.
        try command("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", phase: .begin)
        do {
            try command("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", phase: .begin)
        } catch {
            // The next transaction of this connection would have the isolation that this one was to have.
            isBroken = true
            throw error
        }
        inTransaction = true
    }

    /// Commits, or throws `outcomeUnknown` when neither success nor failure is certain.
    func commit() throws(DatabaseError) {
        if let transactionFailure { throw transactionFailure }
        guard unsafe mysql.pointee.server_status & UInt32(SERVER_STATUS_IN_TRANS) != 0 else {
            throw DatabaseError(
                code: .transactionEnded,
                phase: .commit,
                message: "the transaction ended before COMMIT; a statement in it committed implicitly"
            )
        }
        do {
            try command("COMMIT", phase: .commit)
            inTransaction = false
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
        } catch {
            isBroken = true
        }
    }

    func ping() -> Bool {
        let alive = unsafe mysql_ping(mysql) == 0
        if !alive { isBroken = true }
        return alive
    }

    // MARK: Pieces

    private func prepared(_ text: String) throws(DatabaseError) -> PreparedStatement {
        if let statement = statements[text] { return statement }
        do {
            let statement = try prepare(text)
            statements.insert(statement)
            return statement
        } catch {
            note(error)
            throw error
        }
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

    /// Remembers what an error means for the transaction and for the connection.
    private func note(_ error: DatabaseError) {
        if error.breaksConnection { isBroken = true }
        switch error.code {
        case .deadlock, .snapshotConflict, .lockWaitTimeout:
            // After 1213 and 1020 the server has no transaction any more, and the next statement would commit by
            // itself; after 1205 it kept all but one statement. Neither must be built upon.
            if inTransaction { transactionFailure = error }
        default: break
        }
    }

    private func failure(_ phase: DatabaseError.Phase, statement: String?) -> DatabaseError {
        let error = unsafe Self.lastError(mysql, phase, statement: statement)
        note(error)
        return error
    }

    private static func lastError(
        _ mysql: UnsafeMutablePointer<MYSQL>,
        _ phase: DatabaseError.Phase,
        statement: String? = nil
    ) -> DatabaseError {
        unsafe DatabaseError(
            code: .init(rawValue: mysql_errno(mysql)),
            sqlState: String(cString: mysql_sqlstate(mysql)),
            phase: phase,
            statement: statement,
            message: String(cString: mysql_error(mysql))
        )
    }

    /// Ways of proving who we are that give the password away to nobody: a digest or a signature of what the server
    /// has sent.
    ///
    /// Otherwise the server chooses, and one that is none of ours may ask for the password in clear
    /// (`mysql_clear_password`, `dialog`), or, by the methods of MySQL with SHA-256, for one that only its own key
    /// protects. The client library has these as plugins, and follows; in a connection without TLS before it is found
    /// that there is none. A socket is no exception: somebody else may listen there.
    private static let authenticationMethods = "mysql_native_password,client_ed25519,parsec"

    private static func setOptions(_ mysql: UnsafeMutablePointer<MYSQL>, _ configuration: ConnectionConfiguration) {
        func set(_ option: mysql_option, _ value: UInt32) {
            var value = value
            unsafe mysql_options(mysql, option, &value)
        }
        func set(_ option: mysql_option, _ value: Bool) {
            var value: my_bool = value ? 1 : 0
            unsafe mysql_options(mysql, option, &value)
        }
        set(MYSQL_OPT_CONNECT_TIMEOUT, configuration.timeouts.connect.wholeSeconds)
        set(MYSQL_OPT_READ_TIMEOUT, configuration.timeouts.read.wholeSeconds)
        set(MYSQL_OPT_WRITE_TIMEOUT, configuration.timeouts.write.wholeSeconds)
        set(MYSQL_OPT_RECONNECT, false)
        // On by default: a hostile server could ask for any file of ours.
        set(MYSQL_OPT_LOCAL_INFILE, 0 as UInt32)
        unsafe mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4")
        unsafe mysql_options(mysql, MARIADB_OPT_RESTRICTED_AUTH, authenticationMethods)
        switch configuration.tls {
        case .disabled: break
        case .required: set(MYSQL_OPT_SSL_ENFORCE, true)
        case .verify(let authorities):
            set(MYSQL_OPT_SSL_ENFORCE, true)
            set(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, true)
            unsafe mysql_options(mysql, MYSQL_OPT_SSL_CA, authorities)
        }
    }

    /// Connects to the first host that accepts.
    private static func connect(
        _ configuration: ConnectionConfiguration
    ) throws(DatabaseError) -> UnsafeMutablePointer<MYSQL> {
        switch configuration.endpoint {
        case .socket(let path):
            return unsafe try attempt(configuration, host: nil, port: 0, socket: path)
        case .hosts(let hosts):
            var last = DatabaseError(code: .cannotConnect, phase: .connect, message: "no host is configured")
            for host in hosts {
                do {
                    return unsafe try attempt(configuration, host: host.name, port: host.port, socket: nil)
                } catch {
                    last = error
                }
            }
            throw last
        }
    }

    /// Tries one address, with a handle of its own.
    ///
    /// A failed `mysql_real_connect` clears the handle's options: a second attempt on it would go out without
    /// timeouts and in plain text.
    private static func attempt(
        _ configuration: ConnectionConfiguration,
        host: String?,
        port: UInt16,
        socket: String?
    ) throws(DatabaseError) -> UnsafeMutablePointer<MYSQL> {
        guard let mysql = unsafe mysql_init(nil) else {
            throw DatabaseError(code: .cannotConnect, phase: .connect, message: "out of memory")
        }
        unsafe setOptions(mysql, configuration)
        if host != nil {
            // Otherwise "localhost" would mean the default socket.
            var tcp = UInt32(MYSQL_PROTOCOL_TCP.rawValue)
            unsafe mysql_options(mysql, MYSQL_OPT_PROTOCOL, &tcp)
        }
        let connected = unsafe mysql_real_connect(
            mysql,
            host,
            configuration.user,
            configuration.password,
            configuration.schema,
            UInt32(port),
            socket,
            // Affected rows are the rows found, not the rows changed: a renewal that writes equal values is no loss.
            CUnsignedLong(CLIENT_FOUND_ROWS)
        )
        guard unsafe connected != nil else {
            let error = unsafe lastError(mysql, .connect)
            unsafe mysql_close(mysql)
            throw error
        }
        return unsafe mysql
    }
}

/// `mysql_library_init` must have run once before any thread connects.
private let libraryInitialised: Bool = {
    signal(SIGPIPE, SIG_IGN)
    return mysql_server_init(0, nil, nil) == 0
}()
