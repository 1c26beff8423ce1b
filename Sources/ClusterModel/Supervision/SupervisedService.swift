import DatabaseTime

/// A supervised process as its node last sampled it.
package struct SupervisedService: Sendable, Hashable {
    package let node: NodeName
    package let service: String
    package let state: String
    package let pid: Int?
    package let restarts: Int
    package let memoryBytes: Int?
    package let cpuPercent: Double?
    package let health: String
    package let healthReason: String?
    package let sampledAt: Timestamp
    /// The database server that the daemon uses which supervises it.
    package let databaseServer: String?

    package init(
        node: NodeName,
        service: String,
        state: String,
        pid: Int?,
        restarts: Int,
        memoryBytes: Int?,
        cpuPercent: Double?,
        health: String,
        healthReason: String?,
        sampledAt: Timestamp,
        databaseServer: String?
    ) {
        self.node = node
        self.service = service
        self.state = state
        self.pid = pid
        self.restarts = restarts
        self.memoryBytes = memoryBytes
        self.cpuPercent = cpuPercent
        self.health = health
        self.healthReason = healthReason
        self.sampledAt = sampledAt
        self.databaseServer = databaseServer
    }
}
