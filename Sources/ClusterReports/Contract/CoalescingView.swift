import ClusterModel

/// The counts of what became of the requests for one task, as `coalescing show` prints them.
package struct CoalescingView: Codable, Sendable, Hashable {
    /// The task.
    package let task: TaskName
    /// Requests, however they were served.
    package var requested = 0
    /// Requests that adopted a waiting operation.
    package var deduplicated = 0
    /// Operations that rode on another's execution.
    package var folded = 0
    /// Executions.
    package var executed = 0
    /// Requests for which no waiting operation was looked for, by reason.
    package var refused: [String: Int] = [:]

    /// Starts with nothing counted.
    package init(task: TaskName) {
        self.task = task
    }
}
