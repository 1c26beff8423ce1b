import ClusterModel
import ClusterStore
import MariaDB

/// The result of a cancellation of many operations so far.
package struct BulkCancellation: Sendable, Hashable {
    /// Operations that waited, or rode on others, and have ended.
    package var cancelled = 0
    /// Operations that run: their workers are told, and end them.
    package var interrupted = 0
    /// Followers that went back to their queues.
    package var unfolded = 0
    /// Dependents that have ended with what was cancelled.
    package var aborted = 0
    /// Operations of which dependents are left, with which workers go on.
    package var unfinished = 0

    package init() {}

    /// Operations whose end was asked for.
    package var requested: Int { cancelled + interrupted }

    static func += (left: inout BulkCancellation, right: BulkCancellation) {
        left.cancelled += right.cancelled
        left.interrupted += right.interrupted
        left.unfolded += right.unfolded
        left.aborted += right.aborted
        left.unfinished += right.unfinished
    }
}

extension OperationQueue {
    /// Cancels all live operations that are selected, newest first, each batch in a transaction of its own.
    ///
    /// A caller that is killed leaves whole batches, and one that does the same again goes on: whose end was asked for
    /// already is not selected. What is enqueued meanwhile is left alone.
    /// - Parameters:
    ///   - selector: The operations to cancel.
    ///   - progress: Told after each batch what has been done.
    /// - Returns: The sum of all batches.
    /// - Throws: `ClusterOpsError`; the batches before stand.
    package func cancelAll(
        _ selector: OperationSelector,
        progress: (BulkCancellation) -> Void = { _ in }
    ) async throws -> BulkCancellation {
        var total = BulkCancellation()
        try await eachPage(of: OperationFilter(selector, purpose: .cancel, limit: Self.selectionBatch)) { page in
            var rest = page.ids
            while !rest.isEmpty {
                let batch = try await cancelBatch(rest, selector)
                rest = batch.left
                total += batch.done
                progress(total)
            }
        }
        return total
    }

    /// The outcome of one transaction.
    private struct CancelledBatch: Sendable {
        var done = BulkCancellation()
        /// Operations that wait for so many others that they are for a further transaction.
        var left: [OperationID] = []
        var sessions: Set<SessionID> = []
        var effects = Ending.Effects()
    }

    private func cancelBatch(_ ids: [OperationID], _ selector: OperationSelector) async throws -> CancelledBatch {
        let requester = requester
        let batch = try await translatingErrors {
            try await database.withTransaction { transaction in
                try Self.cancelBatch(ids, selector, by: requester, in: transaction)
            }
        }
        await announce(batch.effects)
        for session in batch.sessions { await waker.wake(session) }
        return batch
    }

    private static func cancelBatch(
        _ ids: [OperationID],
        _ selector: OperationSelector,
        by requester: String,
        in transaction: borrowing Transaction
    ) throws -> CancelledBatch {
        var batch = CancelledBatch()
        let locked = try CancelStatements.lock(ids, selectedBy: selector, in: transaction)
        let running = locked.filter { $0.standing.state == .executing }
        let waiting = locked.filter { $0.standing.state != .executing }
        let ending = Set(try Ending.affordable(waiting.map(\.id), in: transaction))
        batch.left = waiting.map(\.id).filter { !ending.contains($0) }
        let chosen = waiting.filter { ending.contains($0.id) }
        try CancelStatements.request((running + chosen).map(\.id), by: requester, in: transaction)
        batch.effects = try Ending.endWaiting(
            chosen.map { ($0.id, .cancelled(by: requester, while: $0.standing.state)) },
            in: transaction
        )
        batch.sessions = Set(running.compactMap(\.standing.session))
        batch.done.cancelled = chosen.count
        batch.done.interrupted = running.count
        batch.done.unfolded = batch.effects.unfolded.count(where: { !ending.contains($0) })
        batch.done.aborted = batch.effects.ended.count - chosen.count
        batch.done.unfinished = batch.effects.unfinished.count
        return batch
    }
}

extension OperationOutcome {
    /// Ends an operation that nobody runs, because somebody asked for it.
    static func cancelled(by requester: String, while state: OperationState) -> OperationOutcome {
        .cancelled("it was cancelled by \(requester) while it \(state == .folded ? "rode on another" : "waited")")
    }
}
