import ClusterModel
import Synchronization

/// Rings those who wait for operations that have ended, beside the loop that ends them.
///
/// The look-up that it takes, one by primary key after the COMMIT, so delays no batch; what ends while one is under
/// way shares the next. It comes after the COMMIT because a waiter registers and then looks: either its look sees the
/// end, or its row is there for this one.
final class EndNotifier: Sendable {
    private let ended = Mutex<Set<OperationID>>([])
    private let signal = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let waker: any Waker

    init(waker: any Waker) {
        self.waker = waker
    }

    /// Takes note of operations whose end is committed.
    func announce(_ operations: Set<OperationID>) {
        guard !operations.isEmpty else { return }
        ended.withLock { $0.formUnion(operations) }
        signal.continuation.yield()
    }

    /// Rings until its task is cancelled.
    func run() async {
        for await _ in signal.stream { await flush() }
    }

    /// Rings for what has been announced, and not yet rung for.
    func flush() async {
        let batch = ended.withLock { ended in
            defer { ended = [] }
            return ended
        }
        await waker.wakeWaiters(of: batch)
        // Cut short, perhaps: ringing twice does no harm.
        if Task.isCancelled { ended.withLock { $0.formUnion(batch) } }
    }
}
