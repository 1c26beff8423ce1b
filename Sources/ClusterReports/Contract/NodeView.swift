import ClusterEngine
import ClusterModel
import ClusterStore
import DatabaseTime
import MariaDB

/// A node as the `node` commands print it.
package struct NodeView: Codable, Sendable, Hashable {
    /// The identifier of the node, for as long as it is in the cluster.
    package let uuid: NodeID
    /// Its name.
    package let name: NodeName
    /// The address by which the other nodes reach it.
    package let underlayAddress: IPv4Address
    /// The roles of the node.
    package let roles: [NodeRole]
    /// The state of the node, which tells whether it takes new work.
    package let state: NodeState
    /// The drain; null when nobody drains it.
    @NullWhenUnknown package var drain: NodeDrainView?
    /// The time at which one of its processes last renewed its session; null when none ever has.
    @NullWhenUnknown package var lastSeen: Timestamp?
    /// Its processes that hold a lease now.
    package let sessions: [NodeSessionView]
    /// Tasks that its queueworker has registered and cannot start; it leaves them to other nodes.
    package let obstacles: [TaskObstacleView]

    private enum CodingKeys: String, CodingKey {
        case uuid, name, roles, state, drain, sessions, obstacles
        case underlayAddress = "underlay_address"
        case lastSeen = "last_seen"
    }
}

/// The drain of a node: by whom, since when, and why.
package struct NodeDrainView: Codable, Sendable, Hashable {
    /// The person or program that drains it, or gave the last reason.
    package let requester: String
    /// Since when.
    package let since: Timestamp
    /// The reason; null when none was given.
    @NullWhenUnknown package var reason: String?
}

/// A task that a node cannot start.
package struct TaskObstacleView: Codable, Sendable, Hashable {
    /// The task.
    package let task: TaskName
    /// The reason, in words.
    package let reason: String
    /// Since when.
    package let since: Timestamp
}

/// A process of a node that holds a lease.
package struct NodeSessionView: Codable, Sendable, Hashable {
    /// The name of the program.
    package let daemon: String
    /// Its process id on the node.
    package let pid: Int
    /// Its leased identity.
    package let session: SessionID
    /// The time for which the lease lasts unless it is renewed, in seconds.
    package let expiresInSeconds: Double
    /// The database server that it uses.
    @NullWhenUnknown package var server: String?

    private enum CodingKeys: String, CodingKey {
        case daemon, pid, session, server
        case expiresInSeconds = "expires_in_seconds"
    }
}

extension NodeDrain: Reported {
    /// The drain as the `node` commands print it.
    package var view: NodeDrainView { NodeDrainView(requester: requester, since: since, reason: reason) }
}

extension NodeSnapshot: Reported {
    /// The node as the `node` commands print it.
    package var view: NodeView {
        NodeView(
            uuid: record.id,
            name: record.name,
            underlayAddress: record.underlayAddress,
            roles: record.roles,
            state: record.state,
            drain: record.drain?.view,
            lastSeen: lastSeen,
            sessions: sessions.map {
                NodeSessionView(
                    daemon: $0.daemon,
                    pid: $0.pid,
                    session: $0.id,
                    expiresInSeconds: $0.expiresInSeconds,
                    server: $0.server
                )
            },
            obstacles: obstacles.map { TaskObstacleView(task: $0.task, reason: $0.reason, since: $0.since) }
        )
    }
}
