import ClusterModel
import ClusterStore

/// The position up to which each stream of an attempt was told; pure.
///
/// A character is told as a whole, however its bytes came.
struct LogCursor: Sendable {
    private struct Key: Hashable {
        let place: Int
        let stream: StandardStream
    }

    /// The attempt, by the number of its delivery.
    let delivery: Int
    private var told: [Key: Int] = [:]

    init(delivery: Int) {
        self.delivery = delivery
    }

    /// Returns the number of bytes of a stream that were told, or passed over.
    func known(_ total: OutputStatements.Total) -> Int { told[Key(place: total.place, stream: total.stream)] ?? 0 }

    /// Takes what was read of a stream after the bytes that were told, and says what to tell of it now.
    ///
    /// - Parameters:
    ///   - tail: The last bytes of the stream, which may begin after the ones that were told.
    ///   - operation: Whose output it is.
    ///   - isLast: Whether no more will come: then also what is no whole character is told.
    /// - Returns: The piece; nil when there is nothing to tell.
    mutating func take(_ tail: OutputTail, of operation: Operation, isLast: Bool) -> OutputView? {
        let key = Key(place: tail.place, stream: tail.stream)
        let known = told[key] ?? 0
        var bytes = tail.bytes.suffix(max(0, tail.total - known))
        // The rest of a character whose beginning is not kept.
        if tail.total - bytes.count > known { bytes = bytes.drop { $0 & 0xc0 == 0x80 } }
        let first = tail.total - bytes.count
        if !isLast { bytes = bytes.dropLast(Self.unfinished(bytes)) }
        guard !bytes.isEmpty else { return nil }
        told[key] = first + bytes.count
        return OutputView(
            uuid: operation.id,
            delivery: delivery,
            task: operation.tasks.indices.contains(tail.place) ? operation.tasks[tail.place] : nil,
            stream: tail.stream,
            firstByte: first,
            totalBytes: tail.total,
            bytes: Array(bytes)
        )
    }

    /// The number of bytes at the end that are the beginning of a character of UTF-8.
    private static func unfinished(_ bytes: ArraySlice<UInt8>) -> Int {
        let end = bytes.suffix(4)
        guard let lead = end.lastIndex(where: { $0 & 0xc0 != 0x80 }) else { return 0 }
        let length =
            switch bytes[lead] {
            case 0xc2...0xdf: 2
            case 0xe0...0xef: 3
            case 0xf0...0xf4: 4
            default: 1
            }
        let there = bytes.endIndex - lead
        return there < length ? there : 0
    }
}
