/// The work that a read of the queues passes over, so that it costs nothing and hides nothing behind it.
package struct ClaimFilter: Sendable, Hashable {
    /// The tasks that the worker can run.
    package var tasks: [TaskName] = []
    /// Queues in which work of other kinds of worker waits too: they are read by one range for each of `tasks`.
    package var mixed: Set<QueueName> = []
    /// Lists that begin with one of `tasks` and cannot be run as a whole.
    package var lists: Set<[TaskName]> = []
    /// Operations that the worker cannot decode, or whose claim the database refuses.
    package var unreadable: [QueueName: [OperationID]] = [:]
    /// The worker's node: what names another is not its work, also where that one had the same name.
    package var node: NodeID?

    package init(
        tasks: [TaskName] = [],
        mixed: Set<QueueName> = [],
        lists: Set<[TaskName]> = [],
        unreadable: [QueueName: [OperationID]] = [:],
        node: NodeID? = nil
    ) {
        self.tasks = tasks
        self.mixed = mixed
        self.lists = lists
        self.unreadable = unreadable
        self.node = node
    }
}
