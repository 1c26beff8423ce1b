import ClusterModel
import Synchronization

/// A command that prints, while it runs and afterwards.
package protocol PrintingCommand: Sendable {
    /// Returns the number of bytes that it has printed on a stream, up to now.
    func total(of stream: StandardStream) -> Int

    /// Returns the last bytes that it has printed on a stream, at most ``OutputTail/mostBytes``, and how many there
    /// were in all.
    func tail(of stream: StandardStream) -> (bytes: [UInt8], total: Int)
}

/// The output of one attempt: the commands that it has run so far.
final class AttemptOutput: Sendable {
    private struct Source {
        let place: Int
        let command: any PrintingCommand
    }

    private let sources = Mutex<[Source]>([])
    private let tell: @Sendable () -> Void

    /// Creates an output without commands; `tell` is called when there is one.
    init(tell: @escaping @Sendable () -> Void = {}) {
        self.tell = tell
    }

    /// Takes note of a command that runs the task at a place of the operation's list.
    func add(_ command: any PrintingCommand, at place: Int) {
        sources.withLock { $0.append(Source(place: place, command: command)) }
        tell()
    }

    /// A Boolean value that indicates whether it has run no command yet.
    var isEmpty: Bool { sources.withLock { $0.isEmpty } }

    /// One stream of a command, and the number of bytes that were printed on it.
    struct Stream: Sendable, Hashable {
        let place: Int
        let stream: StandardStream
        let total: Int
    }

    /// The streams on which something was printed.
    var streams: [Stream] {
        sources.withLock { $0 }.flatMap { source in
            StandardStream.allCases.compactMap { stream in
                let total = source.command.total(of: stream)
                return total > 0 ? Stream(place: source.place, stream: stream, total: total) : nil
            }
        }
    }

    /// Returns the end of what was printed on a stream, up to now.
    func tail(of stream: Stream) -> OutputTail? {
        guard let source = sources.withLock({ $0.first { $0.place == stream.place } }) else { return nil }
        let (bytes, total) = source.command.tail(of: stream.stream)
        return OutputTail(place: stream.place, stream: stream.stream, bytes: bytes, total: total)
    }
}
