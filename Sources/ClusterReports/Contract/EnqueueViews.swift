import ClusterModel

/// The answer to `op enqueue --count`.
package struct BulkEnqueueView: Codable, Sendable, Hashable {
    /// The number of operations that were enqueued.
    package let count: Int
    /// The id of the first of them.
    package let firstUUID: OperationID

    /// Creates an answer.
    package init(count: Int, firstUUID: OperationID) {
        self.count = count
        self.firstUUID = firstUUID
    }

    private enum CodingKeys: String, CodingKey {
        case count
        case firstUUID = "first_uuid"
    }
}

/// One operation of an `op submit`.
package struct SubmittedView: Codable, Sendable, Hashable {
    /// The name of the operation in the submitted document.
    package let ref: String
    /// The operation.
    package let uuid: OperationID
    /// The queue in which it waits.
    package let queueName: QueueName
    /// The state in which it was when the request was answered.
    package let state: OperationState
    /// Always false: operations with edges are never adopted.
    package let deduplicated: Bool

    /// Names an operation as its document does.
    package init(ref: String, receipt: OperationReceipt) {
        self.ref = ref
        uuid = receipt.uuid
        queueName = receipt.queueName
        state = receipt.state
        deduplicated = receipt.deduplicated
    }

    private enum CodingKeys: String, CodingKey {
        case ref, uuid, state, deduplicated
        case queueName = "queue_name"
    }
}

/// The state of one operation, as `op wait` prints it.
package struct OperationStateView: Codable, Sendable, Hashable {
    /// The operation.
    package let uuid: OperationID
    /// The state of the operation.
    package let state: OperationState
}
