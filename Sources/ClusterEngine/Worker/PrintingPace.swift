import ClusterModel

/// Decides which output is written down when, while commands run.
///
/// Pure.
///
/// Each write costs the database the whole tail of a stream: so a stream is written once a second at most, and a worker
/// writes at a bounded rate, however many of its commands print however much. What is not written while a command runs
/// is written with its outcome.
struct PrintingPace: Sendable {
    /// The pause between two looks at what has been printed.
    ///
    /// Somebody who follows the output sees its beginning after this and his own pause, however much other commands
    /// print: what is new is written first.
    static let pause: Duration = .milliseconds(250)
    /// The least time between two writes of one stream.
    static let rest: Duration = .seconds(1)
    /// Bytes that one worker writes after a look, 256 KiB in a second: a thousand of them, with commands that all print
    /// without end, keep the database below 256 MiB/s.
    static let bytesAtOnce = OutputTail.mostBytes

    /// A stream of an attempt.
    struct Key: Hashable, Sendable {
        let operation: OperationID
        let place: Int
        let stream: StandardStream
    }

    private struct Written {
        let total: Int
        let at: SuspendingClock.Instant
    }

    private var written: [Key: Written] = [:]

    /// Chooses what to write now: what has grown since it was written, new streams first and then the longest ago, no
    /// more than may be written at once.
    func due(_ totals: [(key: Key, total: Int)], at now: SuspendingClock.Instant) -> [Key] {
        let grown = totals.filter { key, total in
            guard let last = written[key] else { return true }
            return total > last.total && now - last.at >= Self.rest
        }
        let oldest = grown.enumerated().sorted { left, right in
            switch (written[left.element.key]?.at, written[right.element.key]?.at) {
            case (let left?, let right?) where left != right: left < right
            case (nil, _?): true
            case (_?, nil): false
            // The first line of one does not wait for the flood of another.
            case (nil, nil): (left.element.total, left.offset) < (right.element.total, right.offset)
            default: left.offset < right.offset
            }
        }
        var room = Self.bytesAtOnce
        return oldest.map(\.element).prefix { _, total in
            room -= min(total, OutputTail.mostBytes)
            return room >= 0
        }.map(\.key)
    }

    /// Takes note of what was written.
    mutating func wrote(_ key: Key, total: Int, at now: SuspendingClock.Instant) {
        written[key] = Written(total: total, at: now)
    }

    /// Returns whether the last write of a stream had all of it.
    func hasAll(_ key: Key, total: Int) -> Bool { written[key]?.total == total }

    /// Forgets an operation's attempt.
    mutating func forget(_ id: OperationID) {
        written = written.filter { $0.key.operation != id }
    }
}
