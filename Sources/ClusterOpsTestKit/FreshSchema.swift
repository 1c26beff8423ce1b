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
    await Turns.shared.enter()
    do {
        let result = try await withSchema(connections: connections, on: server ?? PrivateServer.shared, body)
        await Turns.shared.leave()
        return result
    } catch {
        await Turns.shared.leave()
        throw error
    }
}

private func withSchema<Result: Sendable>(
    connections: Int,
    on server: PrivateServer,
    _ body: @Sendable (Database, ConnectionConfiguration) async throws -> Result
) async throws -> Result {
    let schema = "test_" + String(UInt64.random(in: .min ... .max), radix: 36)
    let administrator = Database(server.configuration(), logger: .silent)
    try await administrator.administer("CREATE DATABASE \(schema)")
    let configuration = server.configuration(schema: schema)
    var pool = Database.PoolConfiguration()
    pool.maximumConnections = connections
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
