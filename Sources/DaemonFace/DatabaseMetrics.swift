import ClusterDaemon
import ClusterModel
import Exposition
import MariaDB

/// Shows how a pool of connections is used, and what it was refused.
package enum DatabaseMetrics {
    package static func families(_ database: Database, pool: String) async -> [MetricFamily] {
        let use = await database.use
        let states = [("lent", use.lent), ("idle", use.idle)].map { state, count in
            MetricFamily.Sample(["pool": pool, "state": state], Double(count))
        }
        let errors = database.errorCounts.sorted { $0.key.rawValue < $1.key.rawValue }.map { code, count in
            MetricFamily.Sample(["pool": pool, "code": "\(code.rawValue)"], Double(count))
        }
        return [
            connections.family(states),
            limit.family([.init(["pool": pool], Double(use.maximum))]),
            waitingCallers.family([.init(["pool": pool], Double(use.waiting))]),
            Self.errors.family(errors),
        ]
    }

    // MARK: Definitions

    static let metrics = [connections, limit, waitingCallers, errors]

    private static let connections = MetricDefinition(
        "clusterops_database_connections",
        .gauge,
        labels: ["pool", "state"],
        help: "Connections of the pools 'work', 'session' (renewals and polls) and, in netnode, 'election'."
    )
    private static let limit = MetricDefinition(
        "clusterops_database_connections_limit",
        .gauge,
        labels: ["pool"],
        help: "The most connections that the pool may open."
    )
    private static let waitingCallers = MetricDefinition(
        "clusterops_database_waiting_callers",
        .gauge,
        labels: ["pool"],
        help: "Callers that wait for a connection of the pool."
    )
    private static let errors = MetricDefinition(
        "clusterops_database_errors_total",
        .counter,
        labels: ["pool", "code"],
        help: "Errors of statements and connections by MariaDB's number, also those that a retry has mended."
    )
}
