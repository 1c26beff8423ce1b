import ClusterModel
import DatabaseTime
import MariaDB

/// An ended operation of a benchmark, with the times that the database has written down.
package struct BenchedOperation: Sendable, Hashable {
    package let id: OperationID
    package let state: OperationState
    package let isFolded: Bool
    package let enqueuedAt: Timestamp
    package let startedAt: Timestamp?
    package let finishedAt: Timestamp

    /// From the request to the last start, in seconds; nil for what never ran itself.
    package var waitSeconds: Double? { startedAt.map { $0.seconds(since: enqueuedAt) } }
    /// From the last start to the end, in seconds.
    package var runSeconds: Double? { startedAt.map { finishedAt.seconds(since: $0) } }

    /// From the end of another one to the last start of this one, in seconds.
    package func gapSeconds(after other: BenchedOperation) -> Double? {
        startedAt.map { $0.seconds(since: other.finishedAt) }
    }

    /// From the first request to the last end, in seconds; 0 for none.
    package static func spanSeconds(of operations: [BenchedOperation]) -> Double {
        guard let first = operations.map(\.enqueuedAt).min(), let last = operations.map(\.finishedAt).max() else {
            return 0
        }
        return last.seconds(since: first)
    }
}
