import MariaDB

/// A node as the `node` commands print it.
public struct NodeView: Codable, Sendable, Hashable {
    /// What it is known by for as long as it is in the cluster.
    public let uuid: NodeID
    /// Its name.
    public let name: NodeName
    /// The address by which the other nodes reach it.
    public let underlayAddress: IPv4Address
    /// What it is for.
    public let roles: [NodeRole]
    /// Whether it takes new work.
    public let state: NodeState
    /// When one of its processes last renewed its session; null when none ever has.
    @NullWhenUnknown public var lastSeen: Timestamp?
    /// Its processes that hold a lease now.
    public let sessions: [NodeSessionView]
    /// Tasks that its queueworker has registered and cannot start; it leaves them to other nodes.
    public let obstacles: [TaskObstacleView]

    private enum CodingKeys: String, CodingKey {
        case uuid, name, roles, state, sessions, obstacles
        case underlayAddress = "underlay_address"
        case lastSeen = "last_seen"
    }
}

/// A task that a node cannot start.
public struct TaskObstacleView: Codable, Sendable, Hashable {
    /// The task.
    public let task: TaskName
    /// Why, in words.
    public let reason: String
    /// Since when.
    public let since: Timestamp
}

/// A process of a node that holds a lease.
public struct NodeSessionView: Codable, Sendable, Hashable {
    /// Which program it is.
    public let daemon: String
    /// Its process id on the node.
    public let pid: Int
    /// Its leased identity.
    public let session: SessionID
    /// How long the lease lasts unless it is renewed.
    public let expiresInSeconds: Double

    private enum CodingKeys: String, CodingKey {
        case daemon, pid, session
        case expiresInSeconds = "expires_in_seconds"
    }
}
