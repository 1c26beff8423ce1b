import MariaDB

/// An executing operation as a verdict on its attempt needs it, and no more.
///
/// A row that cannot be decoded as an `Operation`, because a newer program or a hand has written it, has this all the
/// same: it can be ended, given back and cancelled, and holds its target for no longer than any other.
struct AttemptStanding: Sendable {
    let id: OperationID
    /// Empty when they cannot be decoded.
    let tasks: [TaskName]
    /// Nil when its name cannot be decoded.
    let queue: QueueName?
    let deadline: Timestamp?
    let maximumAttempts: Int
    let failures: Int
    let deferCount: Int
    let deliveries: Int
    let isCancelRequested: Bool
    let readyAt: Timestamp
    let startedAt: Timestamp?
    let worker: (node: NodeName?, session: SessionID?)
    let history: [AttemptRecord]

    /// Since when this delivery could have started.
    var couldRunSince: Timestamp { history.couldRunSince(readyAt, delivery: deliveries) }
}
