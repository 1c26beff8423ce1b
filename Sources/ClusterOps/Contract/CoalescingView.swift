/// What became of the requests for one task, as `coalescing show` prints it.
public struct CoalescingView: Codable, Sendable, Hashable {
    /// The task.
    public let task: TaskName
    /// Requests, however they were served.
    public var requested = 0
    /// Requests that adopted a waiting operation.
    public var deduplicated = 0
    /// Operations that rode on another's execution.
    public var folded = 0
    /// Executions.
    public var executed = 0
    /// Requests for which no waiting operation was looked for, by reason.
    public var refused: [String: Int] = [:]

    /// Starts with nothing counted.
    public init(task: TaskName) {
        self.task = task
    }
}
