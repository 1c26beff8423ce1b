import ClusterModel
import ClusterStore
import DatabaseTime

/// A node with all that the database knows of it at one moment.
package struct NodeSnapshot: Sendable, Hashable {
    package let record: NodeRecord
    /// The moment at which one of its processes last renewed its session; nil when none ever has.
    package let lastSeen: Timestamp?
    /// Its processes that hold a lease now.
    package let sessions: [NodeSession]
    /// The tasks that its queueworker has registered and cannot start.
    package let obstacles: [NodeObstacle]
}
