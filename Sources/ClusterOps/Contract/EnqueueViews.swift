/// The answer to `op enqueue --count`.
public struct BulkEnqueueView: Codable, Sendable, Hashable {
    /// How many operations were enqueued.
    public let count: Int
    /// The id of the first of them.
    public let firstUUID: OperationID

    /// Creates an answer.
    public init(count: Int, firstUUID: OperationID) {
        self.count = count
        self.firstUUID = firstUUID
    }

    private enum CodingKeys: String, CodingKey {
        case count
        case firstUUID = "first_uuid"
    }
}

/// One operation of an `op submit`.
public struct SubmittedView: Codable, Sendable, Hashable {
    /// What the submitted document calls it.
    public let ref: String
    /// The operation.
    public let uuid: OperationID
    /// Where it waits.
    public let queueName: QueueName
    /// Where it stood when the request was answered.
    public let state: OperationState
    /// Always false: operations with edges are never adopted.
    public let deduplicated: Bool

    /// Names an operation as its document does.
    public init(ref: String, receipt: OperationReceipt) {
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

/// Where one operation stands, as `op wait` prints it.
public struct OperationStateView: Codable, Sendable, Hashable {
    /// The operation.
    public let uuid: OperationID
    /// Where it stands.
    public let state: OperationState
}
