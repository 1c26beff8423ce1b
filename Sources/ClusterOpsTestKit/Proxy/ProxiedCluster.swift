import ClusterDaemon
import ClusterEngine
import MariaDB

/// A cluster with a second way to it, which leads through a proxy.
package struct ProxiedCluster: Sendable {
    /// The direct way.
    package let direct: TestCluster
    /// The way through the proxy, with a pool of its own.
    package let proxied: TestCluster
    /// The proxy that can break the connection.
    package let proxy: DatabaseProxy
}

/// Gives a test a migrated schema of its own, and a proxy in front of it.
///
/// - Parameters:
///   - connections: How many each of the two pools may open.
///   - server: Another than the shared one.
///   - body: Receives both ways to the cluster.
/// - Returns: What `body` returned.
/// - Throws: What `body` threw, or a failure to start the server or the proxy.
@discardableResult
package func withProxiedCluster<Result: Sendable>(
    connections: Int = 8,
    on server: PrivateServer? = nil,
    _ body: @Sendable (ProxiedCluster) async throws -> Result
) async throws -> Result {
    let server = try server ?? PrivateServer.shared
    return try await withCluster(connections: connections, on: server) { direct in
        let proxy = try DatabaseProxy(to: server)
        defer { proxy.close() }
        let proxied = direct.through(proxy, connections: connections)
        do {
            let result = try await body(ProxiedCluster(direct: direct, proxied: proxied, proxy: proxy))
            await proxied.database.close()
            return result
        } catch {
            await proxied.database.close()
            throw error
        }
    }
}

extension TestCluster {
    /// The same schema by way of a proxy; the pool is the caller's to close.
    package func through(_ proxy: DatabaseProxy, connections: Int = 8) -> TestCluster {
        let configuration = proxy.configuration(configuration)
        var pool = Database.PoolConfiguration()
        pool.maximumConnections = connections
        let database = Database(configuration, pool: pool, logger: .silent)
        return TestCluster(
            database: database,
            configuration: configuration,
            counters: CoalescingCounters(database: database)
        )
    }
}
