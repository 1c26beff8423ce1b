import ClusterModel
import DatabaseTime

/// A task that a node has registered and cannot start.
package struct NodeObstacle: Sendable, Hashable {
    package let nodeID: NodeID
    package let node: NodeName
    package let task: TaskName
    package let reason: String
    package let since: Timestamp
}
