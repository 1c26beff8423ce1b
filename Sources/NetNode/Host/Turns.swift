import ClusterOps
import Synchronization

/// A queue for each network: work on one goes one after the other, and that on another does not wait for it.
package final class Turns: Sendable {
    /// Kept for ever: a few words for each network that ever was.
    private let queues = Mutex<[NetworkID: OneAtATime]>([:])

    package init() {}

    /// Waits for the network's turn, and does the work.
    package func run<Result: Sendable>(
        _ network: NetworkID,
        _ work: @Sendable () async throws -> Result
    ) async throws -> Result {
        let queue = queues.withLock { queues in
            if let queue = queues[network] { return queue }
            let queue = OneAtATime()
            queues[network] = queue
            return queue
        }
        return try await queue.run(work)
    }
}
