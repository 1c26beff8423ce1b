/// One connection to the server, on a thread of its own.
///
/// Bodies are synchronous: while one runs, nothing else can use the connection, and a transaction lasts no longer than
/// the database takes for it. That no other service can be called inside a transaction is the point.
public actor Connection {
    private let executor: ThreadExecutor
    nonisolated let usability = Usability()
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
        try await open(configuration, to: ServerHosts(configuration.endpoint))
    }

    /// Connects to the first of the hosts that serves, of all or of some.
    static func open(
        _ configuration: ConnectionConfiguration,
        to hosts: ServerHosts,
        among better: [Int]? = nil
    ) async throws(DatabaseError) -> Connection {
        let connection = Connection()
        try await connection.connect(configuration, hosts, better)
        return connection
    }

    private func connect(
        _ configuration: ConnectionConfiguration,
        _ hosts: ServerHosts,
        _ better: [Int]?
    ) throws(DatabaseError) {
        link = try hosts.connect(among: better, usability) { [usability] address throws(DatabaseError) in
            try ServerLink(configuration, at: address, of: hosts, usability: usability)
        }
    }

    /// A Boolean value that indicates whether it may be used again; told without waiting for its thread.
    nonisolated var isUsable: Bool { usability.isGiven }

    /// The last use; read without waiting for its thread.
    nonisolated var lastUse: ConnectionUse { usability.use }

    /// Asks the server whether it serves; a connection that is dead, or leads to one that does not, becomes unusable.
    func serves() -> Bool {
        link?.serves() ?? false
    }

    /// Runs statements that commit one by one.
    @discardableResult
    public func withSession<Result: Sendable>(
        _ body: @Sendable (borrowing Session) throws -> Result
    ) throws -> Result {
        try withSession(for: .statements, body)
    }

    /// Runs statements, of which a transaction may be the last if that is what it is lent for.
    func withSession<Result: Sendable>(
        for use: ConnectionUse,
        _ body: @Sendable (borrowing Session) throws -> Result
    ) throws -> Result {
        let link = try openLink()
        do {
            try link.lend(for: use)
            let result: Result
            do {
                result = try body(Session(link))
            } catch {
                try link.takeBack(keeping: false)
                throw error
            }
            try link.takeBack(keeping: true)
            return result
        } catch let error as DatabaseError where error.provesThatNothingWasSent && !link.hasDoneAnything {
            throw DatabaseError(
                code: .serverGone,
                phase: .acquire,
                message: "the connection had broken before its first statement"
            )
        } catch let error as DatabaseError where error.isRefusalToServe && link.mayGoElsewhere {
            throw error.onAcquiring
        } catch let error as DatabaseError where error.isConflict && use == .statements && !link.hasDoneAnything {
            throw error.onAcquiring
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
        let link = try openLink()
        try link.lend(for: .transactions)
        return try Session(link).transaction(body)
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
