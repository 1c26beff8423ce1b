/// A stream on which a command prints.
public enum StandardStream: String, Sendable, Hashable, Codable, CaseIterable {
    case stdout
    case stderr
}

/// The end of what one command of an attempt has printed on one stream.
package struct OutputTail: Sendable, Hashable {
    /// The most bytes that are kept of a stream: some thousand lines.
    package static let mostBytes = 65_536
    /// The attempts of an operation whose output is kept, from the last.
    ///
    /// With two streams of a task, that is 1.3 MB at most, however often the operation is tried.
    package static let mostAttempts = 10

    /// The place of the task among the tasks of its operation, from 0.
    package let place: Int
    /// The stream.
    package let stream: StandardStream
    /// The last bytes, at most ``mostBytes``; they need not be text.
    package let bytes: [UInt8]
    /// The number of bytes that were printed in all.
    package let total: Int

    package init(place: Int, stream: StandardStream, bytes: [UInt8], total: Int) {
        precondition(bytes.count <= Self.mostBytes && bytes.count <= total, "a tail is a part of the whole")
        self.place = place
        self.stream = stream
        self.bytes = bytes
        self.total = total
    }
}
