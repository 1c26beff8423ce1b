import ClusterModel
import ClusterStore
import MariaDB

/// The way in which operations are retried.
package struct RetryOptions: Sendable, Hashable {
    /// Dependents that were aborted with them are retried too.
    package var withDependents = false
    /// The new operations wait for nothing.
    package var ignoresDependencies = false
    /// They are retried although they were before; their dependents are not.
    package var repeats = false

    package init() {}
}

/// The result of a retry of many operations so far.
package struct BulkRetry: Sendable {
    /// Operations of those that were named or selected.
    package var retried = 0
    /// Dependents that were aborted with them.
    package var dependents = 0
    /// Operations that were retried before.
    package var earlier = 0
    /// The first of the new operations, by the old ones.
    package var first: [(old: OperationID, receipt: OperationReceipt)] = []
    /// Operations that could not be retried.
    package var refused = 0
    /// The first of those, with the reasons.
    package var reasons: [(id: OperationID, reason: ClusterOpsError)] = []

    /// New operations, and reasons, that are kept.
    package static let mostKept = 100

    package init() {}

    fileprivate mutating func add(_ batch: OperationQueue.RetriedBatch, roots: Set<OperationID>) {
        let ofRoots = batch.retried.count { roots.contains($0.old) }
        retried += ofRoots
        dependents += batch.retried.count - ofRoots
        earlier += batch.earlier.count
        first += batch.retried.prefix(Self.mostKept - first.count)
        refused += batch.refused.count
        reasons += batch.refused.prefix(Self.mostKept - reasons.count)
    }
}

extension OperationQueue {
    /// Operations that one call retries, dependents included: their ids are kept in memory.
    package static let mostRetried = 1_000_000

    /// Retries all ended operations that are selected, each batch in a transaction of its own.
    ///
    /// A caller that is killed leaves whole batches, and one that does the same again goes on: what was retried is not
    /// retried again.
    /// - Parameters:
    ///   - selector: The operations to retry; what has completed is left out.
    ///   - options: How.
    ///   - progress: Told after each batch what has been done.
    /// - Returns: The sum of all batches.
    /// - Throws: `ClusterOpsError`; the batches before stand.
    package func retryAll(
        _ selector: OperationSelector,
        _ options: RetryOptions,
        progress: (BulkRetry) -> Void = { _ in }
    ) async throws -> BulkRetry {
        // Of what was retried before, dependents may be left: of a call that was interrupted, for example.
        let ids = try await ended(selector, for: options.withDependents ? .show : .retry)
        // Oldest first: an operation is younger than what it depends on, as a rule.
        return try await retryAll(ids.reversed(), options, progress: progress)
    }

    /// Counts the dependents that a retry of what is selected would retry too, beside what is selected itself.
    package func countDependents(of selector: OperationSelector) async throws -> Int {
        let dependents = try await aborted(with: try await ended(selector, for: .show))
        let earlier = try await translatingErrors {
            try await database.withSession { try RetryStatements.retries(ofAll: dependents, on: $0) }
        }
        return dependents.count - earlier.count
    }

    private func ended(
        _ selector: OperationSelector,
        for purpose: OperationFilter.Purpose
    ) async throws -> [OperationID] {
        var selector = selector
        selector.states = selector.endedStates.subtracting([.complete])
        guard !selector.states.isEmpty else { return [] }
        var ids: [OperationID] = []
        try await eachPage(of: OperationFilter(selector, purpose: purpose, limit: Self.selectionPage)) { page in
            ids += page.ids
            guard ids.count <= Self.mostRetried else { throw Self.tooMany }
        }
        return ids
    }

    /// Retries operations as the selecting form does.
    package func retryAll(
        _ ids: [OperationID],
        _ options: RetryOptions,
        progress: (BulkRetry) -> Void = { _ in }
    ) async throws -> BulkRetry {
        let roots = Set(ids)
        var report = BulkRetry()
        let wanted = options.withDependents ? ids + (try await aborted(with: ids)) : ids
        let earlier = try await translatingErrors {
            try await database.withSession { try RetryStatements.retries(ofAll: wanted, on: $0) }
        }
        func isRepeated(_ id: OperationID) -> Bool { options.repeats && roots.contains(id) }
        var queue = wanted.filter { isRepeated($0) || earlier[$0] == nil }
        report.earlier = ids.count { earlier[$0] != nil && !isRepeated($0) }
        var pending = Set(queue)
        var deferredInARow = 0
        var place = 0
        while place < queue.count {
            let batch = Array(queue[place...].prefix(Self.selectionBatch))
            place += batch.count
            pending.subtract(batch)
            // Operations that all wait for each other will not become fit.
            let isStuck = deferredInARow >= queue.count - place + batch.count
            let outcome = try await retryBatch(
                batch,
                pending: isStuck ? [] : pending,
                repeated: Set(batch.filter(isRepeated)),
                ignoringDependencies: options.ignoresDependencies
            )
            queue += outcome.deferred
            pending.formUnion(outcome.deferred)
            deferredInARow = outcome.deferred.count == batch.count ? deferredInARow + batch.count : 0
            report.add(outcome, roots: roots)
            progress(report)
        }
        return report
    }

    /// Finds what was aborted because some operations did not complete, level by level; each once.
    private func aborted(with ids: [OperationID]) async throws -> [OperationID] {
        var seen = Set(ids)
        var found: [OperationID] = []
        var level = ids
        while !level.isEmpty {
            let dependencies = level
            let next = try await translatingErrors {
                try await database.withSession { session in
                    try RetryStatements.aborted(with: dependencies, limit: Self.mostRetried + 1, on: session)
                }
            }
            level = next.filter { seen.insert($0).inserted }
            found += level
            guard found.count <= Self.mostRetried else { throw Self.tooMany }
        }
        return found
    }

    private static var tooMany: ClusterOpsError {
        ClusterOpsError(
            .invalid,
            "more than \(mostRetried) operations would be retried: select fewer, by age for example"
        )
    }
}
