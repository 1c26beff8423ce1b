import Foundation

/// An error between us and the database server, in a form that code can act on.
///
/// `description` never contains bound values: servers quote them in messages such as "Duplicate entry 'x'",
/// so for those codes it names the key only. `debugDescription` has the server's own words.
public struct DatabaseError: Error, Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    /// A MariaDB error number: 1000 and up from the server, 2000 and up from the client library.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The number.
        public let rawValue: UInt32

        /// Wraps a number.
        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        private init(_ rawValue: UInt32) {
            self.rawValue = rawValue
        }

        // Server, see mysqld_error.h
        /// The server has no connection left for us.
        public static let tooManyConnections = Code(1040)
        /// The user may not use the schema.
        public static let accessDeniedToDatabase = Code(1044)
        /// The user or the password is wrong.
        public static let accessDenied = Code(1045)
        /// 1142: the user may not do this to this table.
        public static let accessDeniedToTable = Code(1142)
        /// The user may not call this procedure.
        public static let accessDeniedToRoutine = Code(1370)
        /// The user lacks a right on the whole server.
        public static let accessDeniedToServer = Code(1227)
        /// The user has no password that could be asked for, and is not who it should be.
        public static let accessDeniedWithoutPassword = Code(1698)
        /// The schema does not exist.
        public static let unknownDatabase = Code(1049)
        /// The table does not exist.
        public static let unknownTable = Code(1146)
        /// A unique key holds the value already; see `duplicateKey`.
        public static let duplicateEntry = Code(1062)
        /// The server does not read the statement.
        public static let syntaxError = Code(1064)
        /// A row stayed locked for longer than `lockWait`; only the statement was undone.
        public static let lockWaitTimeout = Code(1205)
        /// The server chose this transaction as a victim and undid all of it.
        public static let deadlock = Code(1213)
        /// A row changed after the snapshot; the transaction was undone.
        public static let snapshotConflict = Code(1020)
        /// The server does not do this here, as Galera does not do GET_LOCK.
        public static let notSupportedYet = Code(1235)
        /// A value does not fit its column.
        public static let truncatedValue = Code(1292)
        /// A text is not of the column's character set.
        public static let incorrectStringValue = Code(1366)
        /// A text is longer than its column.
        public static let dataTooLong = Code(1406)
        /// The server does not know the command; of Galera: it has no quorum, and serves nobody.
        public static let unknownCommand = Code(1047)
        /// The server is on its way down.
        public static let shutdownInProgress = Code(1053)
        /// The server has ended the connection.
        public static let connectionKilled = Code(1927)
        /// The statement was killed.
        public static let queryInterrupted = Code(1317)
        /// The commit failed, and may or may not have taken effect: of Galera, the member has lost the others.
        public static let errorDuringCommit = Code(1180)
        /// A number does not fit its column.
        public static let outOfRange = Code(1264)
        /// A value was cut or is none of the column's.
        public static let dataTruncated = Code(1265)
        /// The statement has to be prepared again, because its tables have changed; nothing was executed.
        public static let needsPreparing = Code(1615)
        /// The server has no room for another prepared statement, `max_prepared_stmt_count`.
        public static let tooManyStatements = Code(1461)
        /// The server takes no writes.
        public static let readOnly = Code(1290)
        /// The server takes no writes, by its storage engine's setting.
        public static let readOnlyMode = Code(1836)
        /// The disk is full.
        public static let diskFull = Code(1021)
        /// The storage engine failed; its own number stands in the message, 28 for a full disk.
        public static let storageEngine = Code(1030)
        /// There is no room for the row, in its tablespace or on the disk.
        public static let tableFull = Code(1114)
        /// The user may not do this to this column.
        public static let accessDeniedToColumn = Code(1143)
        /// The statement ran for longer than `max_statement_time`.
        public static let statementTimeout = Code(1969)
        /// A CHECK of the schema refused the row.
        public static let checkViolated = Code(4025)
        /// LOAD DATA LOCAL was asked for; we never allow it.
        public static let localInfileDisabled = Code(4166)
        // Client library, see errmsg.h
        /// Nothing listens on the socket.
        public static let cannotConnectLocally = Code(2002)
        /// Nothing listens at the address.
        public static let cannotConnect = Code(2003)
        /// The host has no address.
        public static let unknownHost = Code(2005)
        /// The connection was gone before the statement was sent.
        public static let serverGone = Code(2006)
        /// The connection broke while the statement was under way.
        public static let connectionLost = Code(2013)
        /// TLS could not be set up, or the certificate was refused.
        public static let tlsFailed = Code(2026)
        // Ours; outside both ranges.
        /// The connection was lost, or the server answered unclearly, while COMMIT was under way.
        public static let outcomeUnknown = Code(90_001)
        /// No connection became free within the pool's acquire timeout.
        public static let poolExhausted = Code(90_002)
        /// The pool has been shut down.
        public static let poolClosed = Code(90_003)
        /// A value in a row is not what the caller asked for.
        public static let unexpectedValue = Code(90_004)
        /// The server does not hold a setting that correctness relies on.
        public static let unsuitableServer = Code(90_005)
        /// A transaction that the server had already ended was used further.
        public static let transactionEnded = Code(90_006)
        /// The server's certificate or encryption was refused by us.
        public static let plaintextRefused = Code(90_007)
        /// The server answers, and does not serve as one of a cluster: it is read-only, or no synced member of one.
        public static let doesNotServe = Code(90_008)

        /// Lets a `catch` name a code: `catch let error as DatabaseError where .deadlock ~= error`.
        public static func ~= (code: Code, error: DatabaseError) -> Bool {
            error.code == code
        }
    }

    /// The phase of a connection's life in which an error arose.
    public enum Phase: String, Sendable, Hashable {
        case connect, acquire, prepare, execute, fetch, begin, commit, rollback
    }

    /// The number of the error, which code can match.
    public let code: Code
    /// The five characters of SQL's own classification.
    public let sqlState: String
    /// The phase of a connection's life in which it happened.
    public let phase: Phase
    /// The text of the statement, with `?` where values were bound.
    public let statement: String?
    /// The words of the server or library; may contain values.
    private let message: String

    /// Creates an error; `message` may quote values, which `description` then leaves out.
    ///
    /// libmariadb reports a TLS connection that breaks after it was set up as 2026, where a plain one gives 2013:
    /// both are `connectionLost`, because what follows from them is the same.
    public init(code: Code, sqlState: String = "HY000", phase: Phase, statement: String? = nil, message: String) {
        self.code = code == .tlsFailed && phase != .connect ? .connectionLost : code
        self.sqlState = sqlState
        self.phase = phase
        self.statement = statement
        self.message = message
    }

    /// The unique key that a duplicate entry violated, without its table's name.
    public var duplicateKey: String? {
        guard code == .duplicateEntry, let marker = message.range(of: "for key '", options: .backwards) else {
            return nil
        }
        let name = message[marker.upperBound...].prefix { $0 != "'" }
        return String(name.split(separator: ".").last ?? name)
    }

    /// A Boolean value that indicates whether the server could not be reached at all, or refused to serve us for now,
    /// be it only that it takes no writes.
    public var isUnreachable: Bool {
        switch code {
        case .cannotConnectLocally, .cannotConnect, .unknownHost, .serverGone, .connectionLost, .tooManyConnections,
            .poolExhausted, .readOnly, .readOnlyMode, .unknownCommand, .shutdownInProgress, .connectionKilled,
            .doesNotServe, .errorDuringCommit:
            true
        default:
            phase == .connect && isOfClient
        }
    }

    /// A Boolean value that indicates whether it comes of the client library, which had no answer.
    var isOfClient: Bool { (2000..<3000).contains(code.rawValue) }

    /// A Boolean value that indicates whether nothing was heard of the server: it is away, or hangs.
    var saysNothingOfServer: Bool {
        [.cannotConnectLocally, .cannotConnect, .serverGone, .connectionLost].contains(code)
    }

    /// A Boolean value that indicates whether the server carried out nothing of the statement, and would refuse the
    /// next one as well: it is read-only, is no ready member of its cluster, or is on its way down.
    var isRefusalToServe: Bool {
        switch code {
        case .readOnly, .readOnlyMode, .unknownCommand, .shutdownInProgress, .doesNotServe: true
        default: false
        }
    }

    /// A Boolean value that indicates whether the server undid the transaction, or the statement that commits by
    /// itself, because another one got through; it may succeed if it is begun again.
    var isConflict: Bool { code == .deadlock || code == .snapshotConflict }

    /// An error of our own after which a transaction begins again: what it has read or written holds no more.
    package static func conflict(_ message: String) -> DatabaseError {
        DatabaseError(code: .snapshotConflict, phase: .execute, message: message)
    }

    /// The error of a transaction that the server has ended, although its statements report success.
    ///
    /// On a member of a Galera cluster it is a conflict with another member's writes.
    static func lostTransaction(onMember isOnMember: Bool) -> DatabaseError {
        DatabaseError(
            code: isOnMember ? .deadlock : .transactionEnded,
            phase: .execute,
            message: isOnMember
                ? "another member's writes have undone the transaction"
                : "the transaction ended before COMMIT; a statement in it committed implicitly"
        )
    }

    /// The same error of a connection on which nothing has been done yet.
    var onAcquiring: DatabaseError {
        DatabaseError(code: code, sqlState: sqlState, phase: .acquire, statement: statement, message: message)
    }

    /// Creates the error that no host was taken: the only one's own, or one that names each of them.
    ///
    /// A refusal, such as of a password, is of more use than that another host is away.
    init(_ failures: [(host: String, error: DatabaseError)]) {
        precondition(!failures.isEmpty, "no host was tried")
        let first = failures.first { !$0.error.isUnreachable } ?? failures[failures.count - 1]
        if failures.count == 1 {
            self = first.error
        } else {
            self.init(
                code: first.error.code,
                sqlState: first.error.sqlState,
                phase: .connect,
                message: failures.map { "\($0.host): \($0.error.reason)" }.joined(separator: "; ")
            )
        }
    }

    /// A Boolean value that indicates whether there is no answer to be had for now, be it that the server cannot be
    /// reached or that it serves nobody: callers that can go on with what is known already do so.
    package var isWithoutAnswer: Bool {
        switch code {
        case .shutdownInProgress, .connectionKilled, .statementTimeout: true
        // It answers whoever reads.
        case .readOnly, .readOnlyMode: false
        default: isUnreachable
        }
    }

    /// A Boolean value that indicates whether the statement never reached the server, or was only being prepared there.
    var provesThatNothingWasSent: Bool {
        code == .serverGone || (code == .connectionLost && phase == .prepare)
    }

    /// A Boolean value that indicates whether a connection that had been open broke; what its last statement did is not
    /// known.
    var saysThatTheConnectionBroke: Bool {
        let isLost = [.serverGone, .connectionLost, .connectionKilled, .errorDuringCommit].contains(code)
        return (isLost || isRefusalToServe) && phase != .connect
    }

    /// A Boolean value that indicates whether it is about the first statement of a lent connection, which did nothing.
    var hasDoneNothing: Bool { phase == .acquire && (saysThatTheConnectionBroke || isConflict) }

    /// A Boolean value that indicates whether the values of the statement are at fault: it would be refused again, on
    /// any server.
    package var isFaultOfTheValues: Bool {
        switch code {
        case .duplicateEntry, .checkViolated, .truncatedValue, .incorrectStringValue, .dataTooLong, .outOfRange,
            .dataTruncated, .unexpectedValue:
            true
        default: false
        }
    }

    /// A Boolean value that indicates whether the connection must not be used again: it is gone, or leads to a server
    /// that does not serve, where a new one may lead to another.
    public var breaksConnection: Bool {
        switch code {
        case .outcomeUnknown, .transactionEnded, .connectionKilled, .errorDuringCommit: true
        default: isRefusalToServe || isOfClient
        }
    }

    /// The error without its statement, for people who have not written it.
    package var reason: String {
        let text = "\(phase.rawValue) failed with \(code.rawValue)"
        return switch code {
        case .duplicateEntry: text + ": duplicate entry for key '\(duplicateKey ?? "unknown")'"
        case .truncatedValue, .incorrectStringValue, .dataTooLong: text + ": a value does not fit its column"
        default: text + ": \(message)"
        }
    }

    /// The canonical text.
    public var description: String {
        reason + (statement.map { " [\($0.collapsedWhitespace.prefix(200))]" } ?? "")
    }

    /// Everything that is known, values included; for debuggers, not for logs.
    public var debugDescription: String {
        "\(phase.rawValue) failed with \(code.rawValue) (\(sqlState)): \(message) [\(statement ?? "no statement")]"
    }
}

extension String {
    fileprivate var collapsedWhitespace: String {
        split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}
