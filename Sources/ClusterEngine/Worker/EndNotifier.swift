import ClusterModel
import ClusterStore
import Synchronization

/// Rings those who wait for operations that have ended, beside the loop that ends them.
///
/// Those who were found when the end of a primary was written are rung at once. For all others it takes a look-up
/// after the COMMIT, which delays no batch; what ends while one is under way shares the next. It comes after the COMMIT
/// because a waiter registers and then looks: either its look sees the end, or its row is there for this one. It also
/// takes the rows of all of them away.
final class EndNotifier: Sendable {
    private struct News: Sendable {
        var ended: Set<OperationID> = []
        var rung: Set<WaiterStatements.Waiter> = []
    }

    private let news = Mutex(News())
    private let signal = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let waker: any Waker

    init(waker: any Waker) {
        self.waker = waker
    }

    /// Takes note of operations whose end is committed, and rings those who are known to wait for them.
    func announce(_ operations: Set<OperationID>, to waiters: [WaiterStatements.Waiter] = []) {
        guard !operations.isEmpty else { return }
        if !waiters.isEmpty { waker.wake(waiters) }
        news.withLock { news in
            news.ended.formUnion(operations)
            news.rung.formUnion(waiters)
        }
        signal.continuation.yield()
    }

    /// Rings until its task is cancelled.
    func run() async {
        for await _ in signal.stream { await flush() }
    }

    /// Rings for what has been announced, and not yet rung for.
    func flush() async {
        let batch = news.withLock { news in
            defer { news = News() }
            return news
        }
        await waker.wakeWaiters(of: batch.ended, besides: batch.rung)
        // Cut short, perhaps: ringing twice does no harm.
        if Task.isCancelled { news.withLock { $0.ended.formUnion(batch.ended) } }
    }
}
