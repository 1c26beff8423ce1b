import ClusterModel
import ClusterStore
import Synchronization

/// The output of the attempts that run under a session, and how much of it is written.
final class PrintingLedger: Sendable {
    private struct Running {
        let delivery: Int
        let output: AttemptOutput
    }

    private struct State {
        var running: [OperationID: Running] = [:]
        var pace = PrintingPace()
    }

    private let state = Mutex(State())
    /// Yields when a command has begun.
    let commands = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// Begins an attempt.
    ///
    /// - Returns: The output to which its commands are added.
    func start(_ id: OperationID, delivery: Int) -> AttemptOutput {
        let continuation = commands.continuation
        let output = AttemptOutput { continuation.yield() }
        state.withLock { $0.running[id] = Running(delivery: delivery, output: output) }
        return output
    }

    /// Ends an attempt, whose commands have ended.
    ///
    /// - Returns: The output that is not written yet.
    func finish(_ id: OperationID) -> [OutputTail] {
        state.withLock { state in
            defer { state.pace.forget(id) }
            guard let attempt = state.running.removeValue(forKey: id) else { return [] }
            return attempt.output.streams.filter { stream in
                !state.pace.hasAll(PrintingPace.Key(id, stream), total: stream.total)
            }.compactMap { attempt.output.tail(of: $0) }
        }
    }

    /// A Boolean value that indicates whether no attempt with a command runs.
    var isEmpty: Bool { state.withLock { $0.running.values }.allSatisfy(\.output.isEmpty) }

    /// Returns what is to be written now.
    func due(at now: SuspendingClock.Instant) -> [OutputStatements.Printed] {
        let (running, pace) = state.withLock { ($0.running, $0.pace) }
        let streams = running.flatMap { id, attempt in
            attempt.output.streams.map { (key: PrintingPace.Key(id, $0), stream: $0, attempt: attempt) }
        }
        let due = Set(pace.due(streams.map { ($0.key, $0.stream.total) }, at: now))
        return streams.filter { due.contains($0.key) }.compactMap { key, stream, attempt in
            attempt.output.tail(of: stream).map { tail in
                OutputStatements.Printed(operation: key.operation, delivery: attempt.delivery, tail: tail)
            }
        }
    }

    /// Takes note of what was written, unless its attempt has ended meanwhile.
    func wrote(_ printed: [OutputStatements.Printed], at now: SuspendingClock.Instant) {
        state.withLock { state in
            for printed in printed where state.running[printed.operation]?.delivery == printed.delivery {
                let key = PrintingPace.Key(
                    operation: printed.operation,
                    place: printed.tail.place,
                    stream: printed.tail.stream
                )
                state.pace.wrote(key, total: printed.tail.total, at: now)
            }
        }
    }
}

extension PrintingPace.Key {
    fileprivate init(_ id: OperationID, _ stream: AttemptOutput.Stream) {
        self.init(operation: id, place: stream.place, stream: stream.stream)
    }
}
