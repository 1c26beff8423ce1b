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
            MetricFamily(
                "clusterops_database_connections",
                .gauge,
                help: "Connections to the database, by what they do.",
                states
            ),
            MetricFamily(
                "clusterops_database_connections_limit",
                .gauge,
                help: "How many connections the pool may open.",
                [.init(["pool": pool], Double(use.maximum))]
            ),
            MetricFamily(
                "clusterops_database_waiting_callers",
                .gauge,
                help: "Callers that wait for a connection of the pool.",
                [.init(["pool": pool], Double(use.waiting))]
            ),
            MetricFamily(
                "clusterops_database_errors_total",
                .counter,
                help: "Errors of statements and connections by MariaDB's number, also those that a retry has mended.",
                errors
            ),
        ]
    }
}
