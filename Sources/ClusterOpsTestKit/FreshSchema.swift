import ClusterDaemon
import ClusterEngine
import ClusterModel
import Logging
import MariaDB

/// Gives a test a schema of its own on a private server, empty, and drops it afterwards.
///
/// - Parameters:
///   - connections: How many the pool may open; a test of two connections needs at least two.
///   - server: Another than the shared one, for tests that kill it.
///   - body: Receives a pool on the schema and the configuration it was made from.
/// - Returns: What `body` returned.
/// - Throws: What `body` threw, or a failure to start the server.
@discardableResult
public func withFreshSchema<Result: Sendable>(
    connections: Int = 8,
    on server: PrivateServer? = nil,
    _ body: @Sendable (Database, ConnectionConfiguration) async throws -> Result
) async throws -> Result {
    let server = try server ?? PrivateServer.shared
    return try await withFreshSchema(connections: connections, at: server.configuration(), body)
}

/// Gives a test a schema of its own on servers that are reached by a configuration.
@discardableResult
public func withFreshSchema<Result: Sendable>(
    connections: Int = 8,
    at configuration: ConnectionConfiguration,
    _ body: @Sendable (Database, ConnectionConfiguration) async throws -> Result
) async throws -> Result {
    await Turns.shared.enter()
    do {
        let result = try await withSchema(connections: connections, at: configuration, body)
        await Turns.shared.leave()
        return result
    } catch {
        await Turns.shared.leave()
        throw error
    }
}

private func withSchema<Result: Sendable>(
    connections: Int,
    at address: ConnectionConfiguration,
    _ body: @Sendable (Database, ConnectionConfiguration) async throws -> Result
) async throws -> Result {
    let schema = "test_" + String(UInt64.random(in: .min ... .max), radix: 36)
    let administrator = Database(address, logger: .silent)
    try await administrator.administer("CREATE DATABASE \(schema)")
    var configuration = address
    configuration.schema = schema
    var pool = Database.PoolConfiguration()
    pool.maximumConnections = connections
    // Others compute in the meantime: a caller that waits for a connection may wait for a processor as well.
    pool.acquireTimeout = .seconds(120)
    let database = Database(configuration, pool: pool, logger: .silent)
    do {
        let result = try await body(database, configuration)
        await database.close()
        try await administrator.administer("DROP DATABASE \(schema)")
        await administrator.close()
        return result
    } catch {
        await database.close()
        try? await administrator.administer("DROP DATABASE \(schema)")
        await administrator.close()
        throw error
    }
}

extension Logger {
    /// Drops everything.
    public static var silent: Logger { Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }) }
}
