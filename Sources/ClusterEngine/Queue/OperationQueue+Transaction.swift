import ClusterModel
import MariaDB

extension OperationQueue {
    /// Runs a transaction of the caller's, in which a change and the work that it asks for are one, and rings once it
    /// is committed.
    ///
    /// The body runs on a connection's own thread, and again from its beginning after a deadlock: it has no effect but
    /// on the database. Add to `work` what `enqueue(_:in:)` returns.
    /// - Parameter body: Changes what it wants, and enqueues.
    /// - Returns: What the body returned, once it is committed.
    /// - Throws: What the body throws, after a rollback; `ClusterOpsError` for errors of the database. `unreachable`
    ///   may mean that the outcome of the COMMIT was unknown: with ids of your own in the requests, run the same
    ///   again and it happens once.
    public func withTransaction<Result: Sendable>(
        _ body: @Sendable (_ transaction: borrowing Transaction, _ work: inout EnqueuedWork) throws -> Result
    ) async throws -> Result {
        try await translatingErrors {
            let (result, work) = try await database.withTransaction { transaction in
                var work = EnqueuedWork()
                let result = try body(transaction, &work)
                return (result, work)
            }
            await committed(work)
            return result
        }
    }

    /// Enqueues inside the caller's own transaction, so that a change and the work that it asks for are one.
    ///
    /// It never adopts a waiting operation: that one may already have been claimed by the time this commits. The claim
    /// folds instead.
    /// - Parameters:
    ///   - requests: All or none; edges between them name their ids.
    ///   - transaction: On the cluster's schema; if this throws, it must be rolled back.
    /// - Returns: What was enqueued, true once the caller commits; to be passed to ``committed(_:)`` then, unless
    ///   `withTransaction` does so.
    /// - Throws: `ClusterOpsError`, naming the thing; `DatabaseError` of the statements.
    public func enqueue(
        _ requests: [OperationRequest],
        in transaction: borrowing Transaction
    ) throws -> EnqueuedWork {
        let plans = try Admission.plans(for: requests, on: transaction.session)
        do {
            return EnqueuedWork(
                receipts: try Self.insert(plans, requester: requester, in: transaction),
                plans: plans
            )
        } catch let error as Admission.NodeGone {
            // What the transaction has read before may be gone with the node: it begins again.
            throw DatabaseError.conflict("node '\(error.name)' was removed meanwhile")
        }
    }

    /// Counts what was enqueued in the caller's transaction, and wakes whoever can do it.
    ///
    /// Without it the work is found by the workers' polling.
    public func committed(_ work: EnqueuedWork) async {
        counters.requested(work.plans, refusal: .callersTransaction)
        let ready = work.receipts.filter { $0.state == .queued }.map(\.queueName)
        if !ready.isEmpty { await waker.wake(Set(ready), operations: ready.count) }
    }
}

/// Operations that were enqueued in a transaction of the caller's.
public struct EnqueuedWork: Sendable {
    /// One for each request, in order.
    public private(set) var receipts: [OperationReceipt] = []
    fileprivate private(set) var plans: [OperationPlan] = []

    /// Starts with nothing.
    public init() {}

    fileprivate init(receipts: [OperationReceipt], plans: [OperationPlan]) {
        self.receipts = receipts
        self.plans = plans
    }

    /// Adds what was enqueued later in the same transaction.
    public static func += (left: inout EnqueuedWork, right: EnqueuedWork) {
        left.receipts += right.receipts
        left.plans += right.plans
    }
}
