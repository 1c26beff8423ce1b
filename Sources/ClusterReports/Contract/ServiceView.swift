import ClusterModel
import DatabaseTime
import MariaDB

/// A process that a node supervises, as `service list` prints it.
public struct ServiceView: Codable, Sendable, Hashable {
    /// The node that it runs on.
    public let node: NodeName
    /// Its name, unique on the node: `dnsmasq VNI`, or `command TASK OPERATION`.
    public let service: String
    /// `running`, `starting`, `stopped` or `failed`.
    public let state: String
    /// Its process id on the node; null when it does not run.
    @NullWhenUnknown public var pid: Int?
    /// The number of times that another process took its place: after its death, or for a change that needs it.
    public let restarts: Int
    /// Resident memory, of its descendants too.
    @NullWhenUnknown public var memoryBytes: Int?
    /// Its share of one processor since the sample before, of its descendants too; null in its first sample.
    @NullWhenUnknown public var cpuPercent: Double?
    /// `healthy`, `unhealthy` or `unknown`.
    public let health: String
    /// The reason why it is unhealthy.
    @NullWhenUnknown public var healthReason: String?
    /// The time at which all this was so, by the database's clock; a node samples every ten seconds.
    public let sampledAt: Timestamp
    /// The database server that the daemon uses which supervises it; `status` says what its name is.
    @NullWhenUnknown public var databaseServer: String?

    private enum CodingKeys: String, CodingKey {
        case node, service, state, pid, restarts, health
        case memoryBytes = "memory_bytes"
        case cpuPercent = "cpu_percent"
        case healthReason = "health_reason"
        case sampledAt = "sampled_at"
        case databaseServer = "database_server"
    }
}

extension SupervisedService: Reported {
    /// The process as `service list` prints it.
    package var view: ServiceView {
        ServiceView(
            node: node,
            service: service,
            state: state,
            pid: pid,
            restarts: restarts,
            memoryBytes: memoryBytes,
            cpuPercent: cpuPercent,
            health: health,
            healthReason: healthReason,
            sampledAt: sampledAt,
            databaseServer: databaseServer
        )
    }
}
