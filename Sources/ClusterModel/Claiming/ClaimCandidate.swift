import DatabaseTime

/// An operation that might be claimed, as seen without a lock.
package struct ClaimCandidate: Sendable, Hashable {
    package let id: OperationID
    package let queue: QueueName
    package let readyAt: Timestamp
    package let exclusiveKey: String?
    package let tasks: [TaskName]

    package init(id: OperationID, queue: QueueName, readyAt: Timestamp, exclusiveKey: String?, tasks: [TaskName]) {
        self.id = id
        self.queue = queue
        self.readyAt = readyAt
        self.exclusiveKey = exclusiveKey
        self.tasks = tasks
    }
}
