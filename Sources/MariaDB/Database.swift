import Logging
import ServiceLifecycle
import Synchronization

/// A pool of connections to one schema.
///
/// Connections are opened by the callers that need them, so a `Database` works without `run()`; `run()` closes idle
/// ones while it runs, and all of them at its end. A process that is no service calls `close()` instead.
public actor Database: Service {
    private enum Grant: Sendable {
        case connection(Connection, idleSince: ContinuousClock.Instant)
        case permissionToOpen
    }

    /// The state of a waiter; it is enqueued before its continuation exists, so either may come first.
    private enum Waiting {
        case announced
        case suspended(CheckedContinuation<Grant, any Error>)
        case served(Result<Grant, any Error>)
    }

    private typealias WaiterID = UInt64

    private nonisolated let configuration: ConnectionConfiguration
    private nonisolated let hosts: ServerHosts
    private nonisolated let pool: PoolConfiguration
    private nonisolated let logger: Logger
    private var state: PoolState<Connection, WaiterID>
    private var waiting: [WaiterID: Waiting] = [:]
    private var lastWaiter: WaiterID = 0
    private nonisolated let errors = ErrorCounts()

    /// Creates a pool; nothing is connected before the first use.
    public init(
        _ configuration: ConnectionConfiguration,
        pool: PoolConfiguration = PoolConfiguration(),
        logger: Logger
    ) {
        self.init(configuration, to: ServerHosts(configuration.endpoint, logger: logger), pool: pool, logger: logger)
    }

    private init(
        _ configuration: ConnectionConfiguration,
        to hosts: ServerHosts,
        pool: PoolConfiguration,
        logger: Logger
    ) {
        self.configuration = configuration
        self.hosts = hosts
        self.pool = pool
        self.logger = logger
        state = PoolState(maximum: pool.maximumConnections, maximumWaiters: pool.maximumWaiters)
    }

    /// Makes a pool of its own on the same schema as the same user, so that no other work can stand before what it is
    /// for; it goes to the same server.
    ///
    /// - Parameters:
    ///   - connections: How many it may open.
    ///   - timeouts: In the place of this pool's.
    ///   - idleTimeout: Likewise; nil for the same.
    /// - Returns: A pool that nobody runs: its user closes it.
    package nonisolated func companion(
        connections: Int,
        timeouts: ConnectionConfiguration.Timeouts,
        idleTimeout: Duration? = nil
    ) -> Database {
        var (configuration, pool) = (configuration, pool)
        configuration.timeouts = timeouts
        pool.maximumConnections = connections
        pool.idleTimeout = idleTimeout ?? pool.idleTimeout
        return Database(configuration, to: hosts, pool: pool, logger: logger)
    }

    /// Makes a pool of one connection to each host alone, as the same user, whether it is the one that is used or not.
    ///
    /// - Parameter timeouts: In the place of this pool's.
    /// - Returns: Each host with a pool that nobody runs: its user closes it.
    package nonisolated func ofEachHost(
        timeouts: ConnectionConfiguration.Timeouts
    ) -> [(host: String, database: Database)] {
        let endpoints: [ConnectionConfiguration.Endpoint] =
            switch configuration.endpoint {
            case .socket: [configuration.endpoint]
            case .hosts(let hosts): hosts.map { .hosts([$0]) }
            }
        return endpoints.map { endpoint in
            var (configuration, pool) = (configuration, pool)
            (configuration.endpoint, configuration.timeouts) = (endpoint, timeouts)
            pool.maximumConnections = 1
            return (endpoint.description, Database(configuration, pool: pool, logger: logger))
        }
    }

    /// The schema that its connections use.
    package nonisolated var schema: String? { configuration.schema }

    /// Makes a pool of one connection to the same server as the same user that uses no schema, such as to create it.
    ///
    /// - Returns: A pool that nobody runs: its user closes it.
    package nonisolated func withoutSchema() -> Database {
        var (configuration, pool) = (configuration, pool)
        configuration.schema = nil
        pool.maximumConnections = 1
        return Database(configuration, to: hosts, pool: pool, logger: logger)
    }

    /// Closes idle connections until graceful shutdown or cancellation, then closes the pool.
    ///
    /// In a service group it stands before the services that use it, so that it ends after them.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: self.pool.idleTimeout / 4)) != nil {
                await self.closeIdle()
            }
        }
        await close()
    }

    /// Closes idle connections, refuses new callers; a lent connection closes when it comes back.
    public func close() async {
        let (connections, waiters) = state.close()
        for waiter in waiters { serve(waiter, .failure(Self.refusal(.poolClosed))) }
        for connection in connections { await connection.close() }
    }

    private func closeIdle() async {
        for connection in state.expire(idleSince: .now - pool.idleTimeout) { await connection.close() }
    }

    // MARK: Looking

    /// A snapshot of how much of the pool is in use.
    public var use: PoolUse {
        PoolUse(
            lent: state.lent,
            idle: state.idleCount,
            waiting: state.waiterCount,
            maximum: state.maximum
        )
    }

    /// The number of times that each error has come to this pool since it was made, tried again or not.
    public nonisolated var errorCounts: [DatabaseError.Code: Int] { errors.all }

    // MARK: Lending

    /// Lends a connection for statements that commit one by one.
    ///
    /// - Parameter body: Runs on the connection's thread; it is run again only if its first statement did nothing:
    ///   the connection broke before that reached the server, or another transaction got through in its place.
    /// - Returns: What `body` returned.
    /// - Throws: What `body` throws, or a `DatabaseError` when no connection can be had.
    @discardableResult
    public nonisolated func withSession<Result: Sendable>(
        _ body: @Sendable (borrowing Session) throws -> Result
    ) async throws -> Result {
        // A pooled connection may have broken since its last use; then another one is tried, at most as many as there are.
        var broken = 0
        // Renewals come this way, which are late after some seconds.
        var policy = RetryPolicy(patience: .zero)
        while true {
            do {
                return try await withConnection { connection in try await connection.withSession(body) }
            } catch let error as DatabaseError where error.hasDoneNothing {
                if error.isConflict {
                    let pause = policy.pause(after: error, elapsed: .zero, random: { .random(in: $0) })
                    guard let pause else { throw error }
                    // Nothing tells when the other transaction is over; two that have met must not meet again.
                    try await Task.sleep(for: pause)
                } else {
                    broken += 1
                    if broken > pool.maximumConnections { throw error }
                }
            }
        }
    }

    /// Lends a connection for statements that do no harm when they are run twice, and that run every few seconds.
    ///
    /// It saves the sign of life that `withSession` asks of a connection which has been idle: should the connection
    /// turn out to be broken, the body is run again on another one.
    /// - Parameter body: Runs on the connection's thread, possibly more than once.
    /// - Returns: What `body` returned.
    /// - Throws: What `body` throws, or a `DatabaseError` when no connection can be had.
    @discardableResult
    public nonisolated func withRepeatableSession<Result: Sendable>(
        _ body: @Sendable (borrowing Session) throws -> Result
    ) async throws -> Result {
        do {
            return try await withConnection(asksForLife: false) { try await $0.withSession(body) }
        } catch let error as DatabaseError where error.saysThatTheConnectionBroke || error.hasDoneNothing {
            // Once, and on one that has shown that it lives: a server that hangs is waited for twice at most.
            return try await withSession(body)
        }
    }

    /// Runs a transaction; begins it again when it was a deadlock's victim, waited too long for a lock, or lost its
    /// connection or a server that serves before COMMIT was sent.
    ///
    /// - Parameter body: Runs on the connection's thread, possibly more than once: it has no effect but on the
    ///   database.
    /// - Returns: What `body` returned, once it is committed.
    /// - Throws: What `body` throws, after a rollback; `outcomeUnknown` when the connection broke in COMMIT: then the
    ///   transaction is never run again, and only a locking read by key on a new connection tells what happened.
    @discardableResult
    public nonisolated func withTransaction<Result: Sendable>(
        _ body: @Sendable (borrowing Transaction) throws -> Result
    ) async throws -> Result {
        try await beginningAgain {
            try await withConnection(for: .transactions) { connection in try await connection.withTransaction(body) }
        }
    }

    /// Lends a connection for reads that may lead to a transaction, `Session.transaction`; begins again with the
    /// reads when `withTransaction` would begin again.
    ///
    /// It saves lending twice, and what is read is no older than it need be.
    /// - Parameter body: Runs on the connection's thread, possibly more than once: outside of its transaction, which
    ///   it runs once at most and last, it only reads, or writes what does no harm twice.
    /// - Returns: What `body` returned.
    /// - Throws: As `withTransaction`.
    @discardableResult
    public nonisolated func withReadsBeforeTransaction<Result: Sendable>(
        _ body: @Sendable (borrowing Session) throws -> Result
    ) async throws -> Result {
        try await beginningAgain {
            try await withConnection(for: .transactions) { connection in
                try await connection.withSession(for: .transactions, body)
            }
        }
    }

    private nonisolated func beginningAgain<Result: Sendable>(
        _ body: () async throws -> Result
    ) async throws -> Result {
        let begun = ContinuousClock.now
        var policy = RetryPolicy()
        while true {
            do {
                return try await body()
            } catch let error as DatabaseError {
                if Task.isShuttingDownGracefully { policy.losePatience() }
                let pause = policy.pause(after: error, elapsed: begun.duration(to: .now)) { .random(in: $0) }
                guard let pause else { throw error }
                logger.debug("beginning a transaction again", metadata: ["code": "\(error.code.rawValue)"])
                try await Task.sleep(for: pause)
            }
        }
    }

    /// Lends a connection for statements that all see the database as it was at one moment.
    ///
    /// For reads that belong together and are over soon: a snapshot that is held for long keeps the server from
    /// forgetting old versions of rows.
    /// - Parameter body: Runs on the connection's thread, at most twice; it reads only.
    /// - Returns: What `body` returned.
    /// - Throws: What `body` throws, or a `DatabaseError` when no connection can be had.
    @discardableResult
    public nonisolated func withSnapshot<Result: Sendable>(
        _ body: @Sendable (borrowing Session) throws -> Result
    ) async throws -> Result {
        do {
            return try await withConnection { connection in try await connection.withSnapshot(body) }
        } catch let error as DatabaseError where error.saysThatTheConnectionBroke {
            return try await withConnection { connection in try await connection.withSnapshot(body) }
        }
    }

    /// Runs a statement whose text is made at run time, as `CREATE DATABASE` needs a name that cannot be bound.
    ///
    /// - Parameter statement: Made from our own words and quoted names, never from other input.
    /// - Throws: `DatabaseError` of the statement.
    package nonisolated func administer(_ statement: String) async throws {
        _ = try await withSession { session in try session.execute(SQL(trustedText: statement)) }
    }

    private nonisolated func withConnection<Result: Sendable>(
        for use: ConnectionUse = .statements,
        asksForLife: Bool = true,
        _ body: @Sendable (Connection) async throws -> Result
    ) async throws -> Result {
        do {
            let connection = try await acquire(for: use, asksForLife: asksForLife)
            do {
                let result = try await body(connection)
                await release(connection)
                return result
            } catch {
                await release(connection)
                throw error
            }
        } catch {
            errors.count(error)
            throw error
        }
    }

    private nonisolated func acquire(for use: ConnectionUse, asksForLife: Bool) async throws -> Connection {
        switch try await grant(for: use) {
        case .connection(let connection, let idleSince):
            let isFresh = !asksForLife || ContinuousClock.now - idleSince < pool.pingAfter
            if hosts.keeps(connection.usability.host), isFresh ? connection.isUsable : await connection.serves() {
                guard let better = await lookForBetterHost() else { return connection }
                await connection.close()
                return better
            }
            hosts.heed(connection.usability)
            await connection.close()
        case .permissionToOpen: break
        }
        do {
            return try await Connection.open(configuration, to: hosts)
        } catch {
            await discard()
            throw error
        }
    }

    /// Connects to a host that goes before the present one, if the time has come to look for it.
    private nonisolated func lookForBetterHost() async -> Connection? {
        let better = hosts.takeLook()
        guard !better.isEmpty else { return nil }
        // The present one serves; when the others are looked at again follows from the error, which they have noted.
        return try? await Connection.open(configuration, to: hosts, among: better)
    }

    private func grant(for use: ConnectionUse) async throws -> Grant {
        for left in state.giveUp({ !hosts.keeps($0.usability.host) }) { await left.close() }
        switch state.acquire(preferring: { $0.lastUse == use }) {
        case .take(let connection, let idleSince): return .connection(connection, idleSince: idleSince)
        case .open: return .permissionToOpen
        case .refuse(let code): throw Self.refusal(code)
        case .wait: break
        }
        lastWaiter += 1
        let waiter = lastWaiter
        state.enqueue(waiter)
        waiting[waiter] = .announced
        // The grant decides: a timer that loses the race finds its waiter served and does nothing, so that a
        // connection is never granted to nobody.
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await Task.sleep(for: self.pool.acquireTimeout)
                    await self.giveUp(waiter, Self.refusal(.poolExhausted))
                } catch {
                    await self.giveUp(waiter, error)
                }
            }
            defer { group.cancelAll() }
            return try await wait(as: waiter)
        }
    }

    private func wait(as waiter: WaiterID) async throws -> Grant {
        try await withCheckedThrowingContinuation { continuation in
            if case .served(let result) = waiting[waiter] {
                waiting[waiter] = nil
                continuation.resume(with: result)
            } else {
                waiting[waiter] = .suspended(continuation)
            }
        }
    }

    private func giveUp(_ waiter: WaiterID, _ error: any Error) {
        if state.remove(waiter) { serve(waiter, .failure(error)) }
    }

    private func serve(_ waiter: WaiterID, _ result: Result<Grant, any Error>) {
        if case .suspended(let continuation) = waiting[waiter] {
            waiting[waiter] = nil
            continuation.resume(with: result)
        } else {
            waiting[waiter] = .served(result)
        }
    }

    private func release(_ connection: Connection) async {
        guard connection.isUsable, hosts.keeps(connection.usability.host), !state.isClosed else {
            hosts.heed(connection.usability)
            await connection.close()
            return discard()
        }
        perform(state.release(connection, now: .now))
    }

    private func discard() {
        perform(state.discard())
    }

    private func perform(_ release: PoolState<Connection, WaiterID>.Release) {
        switch release {
        case .nothing: break
        case .hand(let connection, let waiter):
            serve(waiter, .success(.connection(connection, idleSince: .now)))
        case .letOpen(let waiter):
            serve(waiter, .success(.permissionToOpen))
        }
    }

    private static func refusal(_ code: DatabaseError.Code) -> DatabaseError {
        let message = code == .poolClosed ? "the pool is closed" : "no connection became free in time"
        return DatabaseError(code: code, phase: .acquire, message: message)
    }
}
