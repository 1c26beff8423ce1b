import ClusterEngine
import ClusterModel
import Synchronization

/// A queue for each VNI: work on one goes one after the other, and that on another does not wait for it.
///
/// By VNI and not by network, because names and files go by it: a network may have the VNI of one that is just removed.
package final class Turns: Sendable {
    /// Kept for ever: a few words for each VNI that ever was.
    private let queues = Mutex<[VNI: OneAtATime]>([:])

    package init() {}

    /// Waits for the VNI's turn, and does the work.
    package func run<Result: Sendable>(
        _ vni: VNI,
        _ work: @Sendable () async throws -> Result
    ) async throws -> Result {
        let queue = queues.withLock { queues in
            if let queue = queues[vni] { return queue }
            let queue = OneAtATime()
            queues[vni] = queue
            return queue
        }
        return try await queue.run(work)
    }
}
