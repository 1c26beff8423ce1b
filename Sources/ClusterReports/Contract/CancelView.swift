import ClusterEngine
import ClusterModel

/// The result of `op cancel`.
package struct CancelView: Codable, Sendable, Hashable {
    /// The operation.
    package let uuid: OperationID
    /// `cancelled`, or `executing` while its worker still ends it.
    package let state: OperationState
    /// The number of requests it was to serve: its own, and those that were deduplicated into it.
    package let requests: Int
    /// The number of different people or programs that made them.
    package let requesters: Int
    /// Operations that rode on it, and wait for themselves again.
    package let unfolded: [OperationID]
    /// Operations that depended on it, and have ended with it so far.
    package let aborted: [OperationID]
    /// The number of operations that wait for it, or for one of those, and end soon; counted up to 10,000.
    package let dependentsLeft: Int

    /// Shows what was brought about.
    package init(_ cancellation: Cancellation) {
        uuid = cancellation.id
        state = cancellation.state
        requests = cancellation.requests
        requesters = cancellation.requesters
        unfolded = cancellation.unfolded
        aborted = cancellation.aborted
        dependentsLeft = cancellation.dependentsLeft
    }

    private enum CodingKeys: String, CodingKey {
        case uuid, state, requests, requesters, unfolded, aborted
        case dependentsLeft = "dependents_left"
    }
}

/// The answer to `op retry`.
package struct RetryView: Codable, Sendable, Hashable {
    /// The new operation.
    package let uuid: OperationID
    /// The one that it does again.
    package let retryOf: OperationID
    /// The queue in which it waits.
    package let queueName: QueueName
    /// The state in which it was when the request was answered.
    package let state: OperationState

    /// Names the new operation and the old.
    package init(_ receipt: OperationReceipt, retryOf: OperationID) {
        uuid = receipt.uuid
        self.retryOf = retryOf
        queueName = receipt.queueName
        state = receipt.state
    }

    private enum CodingKeys: String, CodingKey {
        case uuid, state
        case retryOf = "retry_of"
        case queueName = "queue_name"
    }
}
