import ClusterModel
import DatabaseTime
import MariaDB

/// The cluster at a glance, as `status` prints it.
public struct StatusView: Codable, Sendable, Hashable {
    /// The time at which all this was so, by the database's clock.
    public let seenAt: Timestamp
    /// The database that says so.
    public let database: DatabaseStatus
    /// Sentences on what is not as it is wanted, the worst first; empty when all is.
    public let attention: [String]
    /// The elected node and its lease.
    public let leader: LeaderView
    /// The counts of waiting and executing operations in every lane, the best first.
    public let lanes: [LaneStatus]
    /// Rules that pause queues.
    public let pauses: Int
    /// The first of these rules, by pattern; 20 at most.
    public let pauseRules: [PauseStatus]
    /// The machines.
    public let nodes: NodesStatus
    /// The processes of each daemon.
    public let sessions: [SessionsStatus]
    /// The guests' networks.
    public let networks: NetworksStatus
    /// The processes that nodes supervise.
    public let processes: ProcessesStatus

    private enum CodingKeys: String, CodingKey {
        case database, attention, leader, lanes, pauses, nodes, sessions, networks, processes
        case seenAt = "seen_at"
        case pauseRules = "pause_rules"
    }
}

/// The database that a cluster lives in.
public struct DatabaseStatus: Codable, Sendable, Hashable {
    /// The server, as `HOST:PORT`, or `HOST:SOCKET` where it has no port.
    public let server: String
    /// The schema.
    public let schema: String
    /// The servers that live processes use, by name; 20 at most.
    public let servers: [ServerStatus]
}

/// A database server that processes of the cluster use.
public struct ServerStatus: Codable, Sendable, Hashable {
    /// Its own name for itself: that of the Galera member, or `HOST:PORT`.
    public let server: String
    /// The number of live processes that use it.
    public let processes: Int
}

/// A rule that keeps queues from being drained.
public struct PauseStatus: Codable, Sendable, Hashable {
    /// The queues' names, with `*` for any run of characters.
    public let pattern: String
    /// The reason for the pause.
    public let reason: String
    /// The person or program that paused them.
    public let requester: String
    /// Since when.
    public let pausedAt: Timestamp
    /// A Boolean value that indicates whether the cluster has a queue of that name.
    public let matches: Bool

    private enum CodingKeys: String, CodingKey {
        case pattern, reason, requester, matches
        case pausedAt = "paused_at"
    }
}

/// The counts of waiting and executing operations in a lane, over all its queues.
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
    /// A Boolean value that indicates whether counting stopped at a limit: then there may be more than the counts say.
    public internal(set) var capped = false
    /// The time for which the operation that became ready first has been ready, in seconds; null when none is.
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
    /// The number of nodes.
    public let total: Int
    /// The number of nodes with a process that holds a lease.
    public let live: Int
    /// The number of nodes that take no new work.
    public let draining: Int
    /// The first of those without a live process, by name; 20 at most.
    public let silent: [NodeName]
    /// The first of those that take no new work while operations wait for them, by name; 20 at most.
    public internal(set) var held: [NodeName] = []
}

/// The processes of one daemon.
public struct SessionsStatus: Codable, Sendable, Hashable {
    /// The name of the program.
    public let daemon: String
    /// The number of processes that hold a lease.
    public internal(set) var live = 0
    /// The number of processes that have let their lease run out and are not marked dead yet.
    public internal(set) var expired = 0
    /// The number of nodes that are to have one: of queueworker those that take new work, of netnode all, where there
    /// are networks.
    public let wanted: Int
    /// The number of these nodes that have one.
    public let present: Int
    /// The first of these nodes that have none, by name; 20 at most.
    public let missing: [NodeName]
}

/// The guests' networks.
public struct NetworksStatus: Codable, Sendable, Hashable {
    /// The number of networks.
    public let total: Int
    /// The number of networks that have converged.
    public let converged: Int
    /// The number of problems that nodes have with them, and of those that nothing serves.
    public let problems: Int
    /// The first of those that are behind, by name; 20 at most.
    public let behind: [NetworkName]
    /// The number of those for which no elected node has a server and egress, as far as they need them.
    public let unserved: Int
    /// The first of these, by name; 20 at most.
    public let withoutServer: [NetworkName]

    private enum CodingKeys: String, CodingKey {
        case total, converged, problems, behind, unserved
        case withoutServer = "without_server"
    }
}

/// The counts of the processes that nodes supervise; `service list` has each.
public struct ProcessesStatus: Codable, Sendable, Hashable {
    /// The number of processes.
    public let total: Int
    /// The number of processes that run.
    public let running: Int
    /// The number of processes that are unhealthy.
    public let unhealthy: Int
    /// The number of processes that were not sampled for 30 s.
    public let stale: Int
    /// The first of the unhealthy ones, as `NODE/SERVICE`; 20 at most.
    public let first: [String]
}
