/// Asks one run of an operation to end before its time.
final class Interruption: Sendable {
    private let signal = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let end = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    /// The run of the same operation that has to be over first.
    private let predecessor: Interruption?

    init(after predecessor: Interruption? = nil) {
        self.predecessor = predecessor
    }

    /// Asks; once is enough, and before anybody waits is early enough.
    func request() { signal.continuation.yield() }

    /// Waits until it is asked for, or the caller's task is cancelled.
    func wait() async {
        for await _ in signal.stream { return }
    }

    /// Takes note that the run is over.
    func finish() { end.continuation.finish() }

    /// Waits until the run before this one is over, or the caller's task is cancelled; to be called once.
    func waitForPredecessor() async {
        guard let predecessor else { return }
        for await _ in predecessor.end.stream {}
    }
}
