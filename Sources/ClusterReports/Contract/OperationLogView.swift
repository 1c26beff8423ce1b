import ClusterModel
import Foundation

/// The output of the commands of one attempt of an operation, as `op logs` prints it.
package struct OperationLogView: Codable, Sendable, Hashable {
    /// The operation whose commands they are: of a follower, its primary.
    package let uuid: OperationID
    /// The state of the operation.
    package let state: OperationState
    /// The attempt, by the number of its delivery; null when none has begun.
    @NullWhenUnknown package var delivery: Int?
    /// The node that runs it, or ran it.
    @NullWhenUnknown package var node: NodeName?
    /// The outcome of the attempt, as in `attempt_history`, or the state in which the operation ended with it; null
    /// while it runs.
    @NullWhenUnknown package var outcome: String?
    /// The reason why it did not complete.
    @NullWhenUnknown package var error: OperationFailure?
    /// The attempts of which there is output.
    package let deliveries: [Int]
    /// The output, one item for each stream of each task on which something was printed.
    package let items: [OutputView]
}

/// A piece of what a command has printed on one stream.
package struct OutputView: Codable, Sendable, Hashable {
    /// The operation whose command it is.
    package let uuid: OperationID
    /// The attempt, by the number of its delivery.
    package let delivery: Int
    /// The task that the command runs; nil when the operation's tasks do not tell.
    package let task: TaskName?
    /// The stream.
    package let stream: StandardStream
    /// The number of bytes that were printed on the stream before this piece.
    package let firstByte: Int
    /// The number of bytes that were printed on the stream in all, so far.
    package let totalBytes: Int
    /// The bytes themselves, which need not be text.
    package let bytes: [UInt8]

    init(
        uuid: OperationID,
        delivery: Int,
        task: TaskName?,
        stream: StandardStream,
        firstByte: Int,
        totalBytes: Int,
        bytes: [UInt8]
    ) {
        self.uuid = uuid
        self.delivery = delivery
        self.task = task
        self.stream = stream
        self.firstByte = firstByte
        self.totalBytes = totalBytes
        self.bytes = bytes
    }

    private enum CodingKeys: String, CodingKey {
        case uuid, delivery, task, stream, text, base64
        case firstByte = "first_byte"
        case totalBytes = "total_bytes"
    }

    /// Reads the bytes from `text` or `base64`.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        uuid = try container.decode(OperationID.self, forKey: .uuid)
        delivery = try container.decode(Int.self, forKey: .delivery)
        task = try container.decode(TaskName?.self, forKey: .task)
        stream = try container.decode(StandardStream.self, forKey: .stream)
        firstByte = try container.decode(Int.self, forKey: .firstByte)
        totalBytes = try container.decode(Int.self, forKey: .totalBytes)
        let text = try container.decode(String?.self, forKey: .text)
        let base64 = try container.decode(String?.self, forKey: .base64)
        bytes = text.map { Array($0.utf8) } ?? base64.flatMap { Data(base64Encoded: $0) }.map { Array($0) } ?? []
    }

    /// Writes bytes that are UTF-8 as `text`, and others as `base64`; the other key is null.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(uuid, forKey: .uuid)
        try container.encode(delivery, forKey: .delivery)
        try container.encode(task, forKey: .task)
        try container.encode(stream, forKey: .stream)
        try container.encode(firstByte, forKey: .firstByte)
        try container.encode(totalBytes, forKey: .totalBytes)
        let text = String(validating: bytes, as: UTF8.self)
        try container.encode(text, forKey: .text)
        try container.encode(text == nil ? Data(bytes).base64EncodedString() : nil, forKey: .base64)
    }
}
