import ClusterModel
import DatabaseTime
import MariaDB

/// The cluster at a glance, as `status` prints it.
public struct StatusView: Codable, Sendable, Hashable {
    /// When all this was so, by the database's clock.
    public let seenAt: Timestamp
    /// Who is elected.
    public let leader: LeaderView
    /// What waits and runs in every lane, the best first.
    public let lanes: [LaneStatus]
    /// Rules that pause queues.
    public let pauses: Int
    /// The machines.
    public let nodes: NodesStatus
    /// Live processes by daemon.
    public let sessions: [SessionsStatus]
    /// The guests' networks.
    public let networks: NetworksStatus
    /// What nodes supervise.
    public let processes: ProcessesStatus

    private enum CodingKeys: String, CodingKey {
        case leader, lanes, pauses, nodes, sessions, networks, processes
        case seenAt = "seen_at"
    }
}

/// What waits and runs in a lane, over all its queues.
public struct LaneStatus: Codable, Sendable, Hashable {
    /// The lane.
    public let lane: Lane
    /// Operations that could run now.
    public internal(set) var queued = 0
    /// Operations whose time has not come.
    public internal(set) var delayed = 0
    /// Operations that wait for dependencies.
    public internal(set) var blocked = 0
    /// Operations that run.
    public internal(set) var executing = 0
    /// Whether counting stopped at a limit: then there may be more than the counts say.
    public internal(set) var capped = false
    /// How long the operation that has been ready for longest has been; null when none is.
    @NullWhenUnknown public internal(set) var oldestSeconds: Double?
    /// The waits of the newest ended operations.
    public internal(set) var waits = Waits(n: 0, p50: nil, p90: nil, p99: nil, max: nil)

    private enum CodingKeys: String, CodingKey {
        case lane, queued, delayed, blocked, executing, capped, waits
        case oldestSeconds = "oldest_seconds"
    }
}

/// The machines of the cluster.
public struct NodesStatus: Codable, Sendable, Hashable {
    /// How many there are.
    public let total: Int
    /// How many have a process that holds a lease.
    public let live: Int
    /// How many take no new work.
    public let draining: Int
    /// The first of those without a live process, by name; 20 at most.
    public let silent: [NodeName]
}

/// The live processes of one daemon.
public struct SessionsStatus: Codable, Sendable, Hashable {
    /// Which program.
    public let daemon: String
    /// How many hold a lease.
    public let live: Int
    /// How many have let their lease run out and are not marked dead yet.
    public let expired: Int
}

/// The guests' networks.
public struct NetworksStatus: Codable, Sendable, Hashable {
    /// How many there are.
    public let total: Int
    /// How many are everywhere what they should be.
    public let converged: Int
    /// How many problems nodes have with them.
    public let problems: Int
    /// The first of those that are behind, by name; 20 at most.
    public let behind: [NetworkName]
}

/// What nodes supervise; `service list` has each.
public struct ProcessesStatus: Codable, Sendable, Hashable {
    /// How many there are.
    public let total: Int
    /// How many run.
    public let running: Int
    /// How many are unhealthy.
    public let unhealthy: Int
    /// How many were not sampled for 30 s.
    public let stale: Int
    /// The first of the unhealthy ones, as `NODE/SERVICE`; 20 at most.
    public let first: [String]
}
