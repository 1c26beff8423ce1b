import ClusterModel
import DatabaseTime

/// A task that can be enqueued, as `task list` prints it.
package struct TaskView: Codable, Sendable, Hashable {
    /// The reason why a node cannot run a task that it has registered.
    package struct Obstacle: Codable, Sendable, Hashable {
        /// The node.
        package let node: NodeName
        /// The reason, as the node says it.
        package let reason: String
        /// Since when it has been so.
        package let since: Timestamp
    }

    /// The name of the task.
    package let task: TaskName
    /// The kind of its work, which decides who runs it.
    package let kind: TaskKind
    /// A Boolean value that indicates whether it comes with ClusterOps.
    package let builtIn: Bool
    /// The options that an enqueue of it has to give: `network`, `node`.
    package let needs: [String]
    /// A Boolean value that indicates whether waiting operations of it for one target are done by one execution.
    package let coalescible: Bool
    /// Failed attempts until its operation ends in `error`.
    package let maxAttempts: Int
    /// The longest time that one attempt may take.
    package let timeoutSeconds: Double
    /// The nodes with a live process that runs it; of a task of the elected network node, those that may be elected.
    package let nodes: [NodeName]
    /// A Boolean value that indicates whether nodes define it differently.
    package let conflicting: Bool
    /// The nodes that have registered it and cannot run it.
    package let obstacles: [Obstacle]

    private enum CodingKeys: String, CodingKey {
        case task, kind, needs, coalescible, nodes, conflicting, obstacles
        case builtIn = "built_in"
        case maxAttempts = "max_attempts"
        case timeoutSeconds = "timeout_seconds"
    }
}
