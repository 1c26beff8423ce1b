import ClusterEngine
import ClusterModel

/// The result of `op cancel` of all operations that are selected.
package struct BulkCancelView: Codable, Sendable, Hashable {
    /// A Boolean value that indicates whether operations were only counted.
    package let dryRun: Bool
    /// The number of operations that were selected when they were counted.
    package let matched: Int
    /// The number of those in each live state.
    package let states: [String: Int]
    /// Operations that waited, or rode on others, and have ended.
    package let cancelled: Int
    /// Operations that run: their workers are told, and end them.
    package let interrupted: Int
    /// Operations that rode on those, and wait for themselves again.
    package let unfolded: Int
    /// Operations that depended on those, and have ended with them.
    package let aborted: Int
    /// Operations of which dependents are left, with which workers go on.
    package let unfinished: Int

    /// Shows what was counted, and what was done.
    package init(_ count: SelectionCount, _ done: BulkCancellation?) {
        dryRun = done == nil
        matched = count.total
        states = count.view(of: OperationSelector().liveStates)
        let done = done ?? BulkCancellation()
        cancelled = done.cancelled
        interrupted = done.interrupted
        unfolded = done.unfolded
        aborted = done.aborted
        unfinished = done.unfinished
    }

    private enum CodingKeys: String, CodingKey {
        case matched, states, cancelled, interrupted, unfolded, aborted, unfinished
        case dryRun = "dry_run"
    }
}

/// The result of `op retry` of several operations.
package struct BulkRetryView: Codable, Sendable, Hashable {
    /// An operation that could not be retried.
    package struct Refusal: Codable, Sendable, Hashable {
        /// The operation.
        package let uuid: OperationID
        /// The reason, as a sentence.
        package let reason: String
    }

    /// A Boolean value that indicates whether operations were only counted.
    package let dryRun: Bool
    /// The number of operations that were named, or were selected and had not been retried.
    package let matched: Int
    /// The number of those in each state that can be retried; null where they were named.
    @NullWhenUnknown package var states: [String: Int]?
    /// Those that were retried.
    package let retried: Int
    /// Dependents that were aborted with them, and were retried too, or would be.
    package let dependents: Int
    /// Those that had been retried before, and were left alone.
    package let earlier: Int
    /// Operations that could not be retried.
    package let refused: Int
    /// The first of those, at most 100.
    package let refusals: [Refusal]
    /// The first of the new operations, at most 100.
    package let items: [RetryView]

    /// Shows what was done.
    package init(matched: Int, states: [String: Int]?, _ done: BulkRetry) {
        self.init(matched: matched, states: states, done, dryRun: false)
    }

    /// Shows what was counted: with the dependents, if they are to be retried.
    package init(counting count: SelectionCount, states: [String: Int], dependents: Int) {
        var counted = BulkRetry()
        counted.dependents = dependents
        self.init(matched: count.total, states: states, counted, dryRun: true)
    }

    private init(matched: Int, states: [String: Int]?, _ done: BulkRetry, dryRun: Bool) {
        self.dryRun = dryRun
        self.matched = matched
        self.states = states
        retried = done.retried
        dependents = done.dependents
        earlier = done.earlier
        refused = done.refused
        refusals = done.reasons.map { Refusal(uuid: $0.id, reason: $0.reason.message) }
        items = done.first.map { RetryView($0.receipt, retryOf: $0.old) }
    }

    private enum CodingKeys: String, CodingKey {
        case matched, states, retried, dependents, earlier, refused, refusals, items
        case dryRun = "dry_run"
    }
}

extension SelectionCount {
    /// The counts of some states by their names, zeros included.
    package func view(of states: Set<OperationState>) -> [String: Int] {
        Dictionary(uniqueKeysWithValues: states.map { ($0.rawValue, self.states[$0] ?? 0) })
    }

    /// The counts as people read them, such as `9990 queued, 10 executing`.
    package var text: String {
        states.filter { $0.value > 0 }.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { "\($0.value) \($0.key.rawValue)" }.joined(separator: ", ")
    }
}
