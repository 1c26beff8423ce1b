import ClusterModel
import ClusterStore
import MariaDB

/// The outcome of a request to cancel.
public struct Cancellation: Sendable, Hashable {
    /// The operation.
    public let id: OperationID
    /// `cancelled`, or `executing` while its worker still ends it.
    public let state: OperationState
    /// The number of requests that it was to serve: its own, and those that were deduplicated to it.
    public let requests: Int
    /// The number of different people or programs that made them.
    public let requesters: Int
    /// Followers that went back to their queues.
    public let unfolded: [OperationID]
    /// The operations that depended on it, and have ended with it so far.
    public let aborted: [OperationID]
    /// The number of dependencies on it, or on what was aborted, that are left: workers go on with those operations,
    /// and with what depends on them.
    ///
    /// Counted up to `mostCounted`.
    public let dependentsLeft: Int
    /// The number at which counting what is left stops: a reader of "10,000 or more" knows enough.
    public static let mostCounted = 10_000
    fileprivate let session: SessionID?
    fileprivate let effects: Ending.Effects
}

extension OperationQueue {
    /// Ends an operation, for all who asked for it.
    ///
    /// One that waits, or rides on another, ends `cancelled` before this returns. Of one that runs the worker is
    /// told: it ends it at once, and the operation never returns to its queue; what it has completed by then stays
    /// complete.
    /// - Returns: What was brought about; requests of the last second may be missing in the count.
    /// - Throws: `ClusterOpsError`, with code `notFound` for an unknown id and `conflict` for one that has ended.
    public func cancel(_ id: OperationID) async throws -> Cancellation {
        try await translatingErrors {
            let requester = requester
            let cancellation = try await database.withTransaction { transaction in
                try Self.cancel(id, by: requester, in: transaction)
            }
            await announce(cancellation.effects)
            if let session = cancellation.session { await waker.wake(session) }
            return cancellation
        }
    }

    /// Counts what has ended, and wakes whoever waits for that, or can do what has become ready.
    package func announce(_ effects: Ending.Effects) async {
        metrics.ended(effects.states)
        await waker.wake(effects.ready)
        await waker.wakeWaiters(of: effects.ended)
    }

    private static func cancel(
        _ id: OperationID,
        by requester: String,
        in transaction: borrowing Transaction
    ) throws -> Cancellation {
        guard let standing = try CancelStatements.lock(id, in: transaction) else {
            // Live first, then history: one that ended meanwhile is in history by now.
            guard let state = try EnqueueStatements.finishedStates(of: [id], on: transaction.session)[id] else {
                throw ClusterOpsError(.notFound, "there is no operation '\(id)'")
            }
            throw ClusterOpsError(.conflict, "operation '\(id)' has ended already: it is \(state.rawValue)")
        }
        try CancelStatements.request([id], by: requester, in: transaction)
        var effects = Ending.Effects()
        let runs = standing.state == .executing
        if !runs {
            let outcome = OperationOutcome.cancelled(by: requester, while: standing.state)
            effects = try Ending.endWaiting([(id, outcome)], in: transaction)
        }
        let left = try CascadeStatements.edgesLeft(
            of: effects.unfinished,
            limit: Cancellation.mostCounted,
            in: transaction
        )
        let adopters = try OperationStatements.adoptions(of: id, on: transaction.session).map(\.requester)
        return Cancellation(
            id: id,
            state: runs ? .executing : .cancelled,
            requests: 1 + adopters.count,
            requesters: Set(adopters + [standing.requester]).count,
            unfolded: effects.unfolded.sorted(),
            aborted: effects.ended.subtracting([id]).sorted(),
            dependentsLeft: left,
            session: standing.session,
            effects: effects
        )
    }
}
