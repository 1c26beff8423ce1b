/// One connection to the server, on a thread of its own.
///
/// Bodies are synchronous: while one runs, nothing else can use the connection, and a transaction lasts no longer than
/// the database takes for it. That no other service can be called inside a transaction is the point.
public actor Connection {
    private let executor: ThreadExecutor
    private nonisolated let usability = Usability()
    private var link: ServerLink?

    /// The executor that owns the thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe executor.asUnownedSerialExecutor()
    }

    private init() {
        executor = ThreadExecutor(name: "mariadb")
    }

    /// Connects and verifies the session's settings.
    ///
    /// - Throws: `DatabaseError`; `isUnreachable` tells an absent server from a refusing one.
    public static func open(_ configuration: ConnectionConfiguration) async throws(DatabaseError) -> Connection {
        let connection = Connection()
        try await connection.connect(configuration)
        return connection
    }

    private func connect(_ configuration: ConnectionConfiguration) throws(DatabaseError) {
        link = try ServerLink(configuration, usability: usability)
    }

    /// A Boolean value that indicates whether it may be used again; told without waiting for its thread.
    nonisolated var isUsable: Bool { usability.isGiven }

    /// Asks the server for a sign of life; a dead connection becomes unusable.
    func ping() -> Bool {
        link?.ping() ?? false
    }

    /// Runs statements that commit one by one.
    @discardableResult
    public func withSession<Result: Sendable>(
        _ body: @Sendable (borrowing Session) throws -> Result
    ) throws -> Result {
        let link = try openLink()
        link.lend()
        do {
            return try body(Session(link))
        } catch let error as DatabaseError where error.provesThatNothingWasSent && !link.hasDoneAnything {
            throw DatabaseError(
                code: .serverGone,
                phase: .acquire,
                message: "the connection had broken before its first statement"
            )
        }
    }

    /// Runs a transaction once: commits if `body` returns, rolls back if it throws.
    ///
    /// - Throws: What `body` threw; or a `DatabaseError` of COMMIT, of which `outcomeUnknown` says that the transaction
    ///   may or may not have happened.
    @discardableResult
    public func withTransaction<Result: Sendable>(
        _ body: @Sendable (borrowing Transaction) throws -> Result
    ) throws -> Result {
        try Session(try openLink()).transaction(body)
    }

    /// Runs statements that all see the database as it was at one moment; nothing is written, nothing is locked.
    @discardableResult
    public func withSnapshot<Result: Sendable>(
        _ body: @Sendable (borrowing Session) throws -> Result
    ) throws -> Result {
        let link = try openLink()
        try link.beginSnapshot()
        // There is nothing to commit.
        defer { link.rollback() }
        return try body(Transaction(link).session)
    }

    /// Closes the connection; a second call does nothing.
    public func close() {
        usability.end()
        link = nil
    }

    private func openLink() throws(DatabaseError) -> ServerLink {
        guard let link, !link.isBroken else {
            throw DatabaseError(code: .serverGone, phase: .acquire, message: "the connection is closed")
        }
        return link
    }
}
