import CSpawn
import Synchronization

/// The parent's side of a child's output streams, moved by the poller: nothing the child does with them can block
/// anyone here.
final class ChildStreams: Sendable {
    private let output: OutputReader?
    private let error: OutputReader?

    init(output: OutputReader?, error: OutputReader?) {
        self.output = output
        self.error = error
    }

    func start(on poller: Poller) throws(Errno) {
        try output?.start(on: poller)
        try error?.start(on: poller)
    }

    /// Takes what the child has left in its pipes, and closes them.
    ///
    /// Called once the child has ended, on the poller.
    func finish(on poller: Poller) {
        output?.finish(on: poller)
        error?.finish(on: poller)
    }

    var standardOutput: CollectedOutput { output?.collected ?? CollectedOutput(bytes: [], total: 0) }
    var standardError: CollectedOutput { error?.collected ?? CollectedOutput(bytes: [], total: 0) }
    var standardOutputCount: Int { output?.count ?? 0 }
    var standardErrorCount: Int { error?.count ?? 0 }
}

/// Reads one stream into bounded memory, to its end or the child's.
final class OutputReader: Sendable {
    /// Bytes taken in one turn, so that a talkative child does not keep the poller from the others: the default
    /// capacity of a pipe.
    private static let turn = 65_536

    private let source: Descriptor
    private let buffer: Mutex<OutputBuffer>
    private let watch = Mutex<Poller.Watch?>(nil)

    init(source: Descriptor, limit: Int, keeping kept: StandardOutput.Kept) {
        self.source = source
        self.buffer = Mutex(OutputBuffer(limit: limit, keeping: kept))
    }

    func start(on poller: Poller) throws(Errno) {
        let watch = try poller.watch(source) { [self] in
            take(atMost: Self.turn) == nil ? .done : .goOn
        }
        self.watch.withLock { $0 = watch }
    }

    /// Takes what is in the pipe now and no more: a process that the child left behind may hold the other end for ever
    /// and may go on writing.
    ///
    /// All that the child itself wrote before it ended fits the pipe's capacity.
    func finish(on poller: Poller) {
        var left = Int(source.use { cspawn_pipe_capacity($0) })
        while left > 0, let count = take(atMost: min(left, Self.turn)), count > 0 { left -= count }
        if let watch = watch.withLock({ $0 }) { poller.remove(watch) }
    }

    var collected: CollectedOutput { buffer.withLock { $0.collected } }
    var count: Int { buffer.withLock { $0.total } }

    /// Returns how many bytes there were, nil at the end of the stream.
    private func take(atMost limit: Int) -> Int? {
        switch source.read(atMost: limit) {
        case .bytes(let bytes):
            buffer.withLock { $0.append(bytes) }
            return bytes.count
        case .wouldBlock: return 0
        case .ended: return nil
        }
    }
}
