/// Asks one run of an operation to end before its time.
final class Interruption: Sendable {
    private let signal = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// Asks; once is enough, and before anybody waits is early enough.
    func request() { signal.continuation.yield() }

    /// Waits until it is asked for, or the caller's task is cancelled.
    func wait() async {
        for await _ in signal.stream { return }
    }
}
