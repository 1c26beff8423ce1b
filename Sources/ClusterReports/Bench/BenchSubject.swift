import ClusterEngine
import ClusterModel
import ClusterStore
import DatabaseTime
import MariaDB

/// The cluster as one run of a benchmark sees it: its own operations, by its own requester.
package struct BenchSubject: Sendable {
    /// Cancelled in one go before it looks again.
    private static let cancelledAtOnce = 500
    /// Cancels under way at once; they wait for connections.
    private static let cancellers = 8

    package let cluster: ClusterConnection
    private let begin: Timestamp

    /// Begins a run of whoever the connection says that it is.
    package init(_ cluster: ClusterConnection) async throws {
        self.cluster = cluster
        begin = try await cluster.read { try OperationStatements.now(on: $0) }
    }

    /// The requester of this run's operations.
    package var requester: String { cluster.queue.requester }

    /// Returns whether the cluster has live operations of any requester.
    package func hasLiveOperations() async throws -> Bool {
        try await cluster.read { try BenchStatements.hasLiveOperations(on: $0) }
    }

    /// Returns whether some live worker has registered a task as one that coalesces.
    package func coalesces(_ task: TaskName) async throws -> Bool {
        try await cluster.read { try TaskStatements.registrations([task], on: $0) }.contains(where: \.isCoalescible)
    }

    /// Returns whether any operation of this run is live.
    package func isUnderWay() async throws -> Bool {
        let (requester, begin) = (requester, begin)
        let live = try await cluster.read { try BenchStatements.live(of: requester, since: begin, limit: 1, on: $0) }
        return !live.isEmpty
    }

    /// Returns the operations of this run that have ended.
    package func ended() async throws -> [BenchedOperation] {
        let (requester, begin) = (requester, begin)
        return try await cluster.read { try BenchStatements.ended(of: requester, since: begin, on: $0) }
    }

    /// Cancels all that is live of this run; what has ended meanwhile needs no cancel, and what runs is ended by its
    /// worker.
    ///
    /// - Parameter limit: How long to go on at most.
    /// - Returns: Whether nothing of it is live any more.
    /// - Throws: `ClusterOpsError` when the database cannot be asked.
    package func endAll(within limit: Duration) async throws -> Bool {
        let deadline = ContinuousClock.now + limit
        let (requester, begin) = (requester, begin)
        var pace = PollPace()
        while true {
            let live = try await cluster.read {
                try BenchStatements.live(of: requester, since: begin, limit: Self.cancelledAtOnce, on: $0)
            }
            if live.isEmpty { return true }
            guard ContinuousClock.now < deadline else { return false }
            // What runs ends by itself, of which nobody tells us. A command polls here, until its limit or the end of its task.
            if try await !endSome(of: live) { try await Task.sleep(for: pace.pause(left: nil)) }
        }
    }

    /// Returns whether any of them has ended; several at once share the server's writes.
    private func endSome(of live: [OperationID]) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for lane in 0..<Self.cancellers {
                group.addTask {
                    var hasEnded = false
                    for index in stride(from: lane, to: live.count, by: Self.cancellers) {
                        if try await end(live[index]) { hasEnded = true }
                    }
                    return hasEnded
                }
            }
            return try await group.reduce(false) { $0 || $1 }
        }
    }

    /// Returns whether it has ended.
    private func end(_ id: OperationID) async throws -> Bool {
        do {
            return try await cluster.queue.cancel(id).state.isTerminal
        } catch let error as ClusterOpsError {
            guard error.code == .conflict || error.code == .notFound else { throw error }
            return true
        }
    }
}
