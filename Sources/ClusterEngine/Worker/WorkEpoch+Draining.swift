import Logging
import Synchronization

/// The end of an epoch.
extension WorkEpoch {
    /// Waits for what runs and for its outcomes to be written; what takes too long is interrupted and handed back.
    func drain() async {
        log(.info, "draining", ["running": "\(ledger.runningCount)"])
        await waitUntilIdle(upTo: settings.drainTimeout)
        guard !ledger.isIdle, !conditions.isLost else { return }
        log(.warning, "interrupting what still runs", ["running": "\(ledger.runningCount)"])
        parts.children.killAll()
        await waitUntilIdle(upTo: Self.timeToHandBack)
    }

    /// The time that killed processes and their last COMMIT may take.
    private static let timeToHandBack: Duration = .seconds(5)

    private func waitUntilIdle(upTo limit: Duration) async {
        await withDiscardingTaskGroup { group in
            let isOver = Flag()
            group.addTask {
                // The limit itself is what is waited for. Cancelled: it became idle in time.
                guard (try? await Task.sleep(for: limit)) != nil else { return }
                isOver.set()
                idle.continuation.yield()
            }
            while !ledger.isIdle, !isOver.isSet, !conditions.isLost, !Task.isCancelled {
                for await _ in idle.stream { break }
            }
            group.cancelAll()
        }
    }
}

/// Something that becomes true once.
private final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }

    func set() { value.withLock { $0 = true } }
}
