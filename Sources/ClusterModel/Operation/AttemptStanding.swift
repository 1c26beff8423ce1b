import DatabaseTime

/// An executing operation as a verdict on its attempt needs it, and no more.
///
/// A row that cannot be decoded as an `Operation`, because a newer program or a hand has written it, has this all the
/// same: it can be ended, given back and cancelled, and holds its target for no longer than any other.
package struct AttemptStanding: Sendable {
    package let id: OperationID
    /// Empty when they cannot be decoded.
    package let tasks: [TaskName]
    /// Nil when its name cannot be decoded.
    package let queue: QueueName?
    package let deadline: Timestamp?
    package let maximumAttempts: Int
    package let failures: Int
    package let deferCount: Int
    package let deliveries: Int
    package let isCancelRequested: Bool
    /// Since when this delivery could have started.
    package let couldRunSince: Timestamp
    package let startedAt: Timestamp?
    package let worker: (node: NodeName?, session: SessionID?)
    package let history: [AttemptRecord]

    package init(
        id: OperationID,
        tasks: [TaskName],
        queue: QueueName?,
        deadline: Timestamp?,
        maximumAttempts: Int,
        failures: Int,
        deferCount: Int,
        deliveries: Int,
        isCancelRequested: Bool,
        couldRunSince: Timestamp,
        startedAt: Timestamp?,
        worker: (node: NodeName?, session: SessionID?),
        history: [AttemptRecord]
    ) {
        self.id = id
        self.tasks = tasks
        self.queue = queue
        self.deadline = deadline
        self.maximumAttempts = maximumAttempts
        self.failures = failures
        self.deferCount = deferCount
        self.deliveries = deliveries
        self.isCancelRequested = isCancelRequested
        self.couldRunSince = couldRunSince
        self.startedAt = startedAt
        self.worker = worker
        self.history = history
    }
}
