import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// Brings operations into the queue.
///
/// Every call returns only after its COMMIT; what it returned exists. A call that throws `unreachable` with an unknown
/// outcome may be sent again with the caller's own id: the same id with the same content is one operation.
public struct OperationQueue: Sendable {
    package let database: Database
    package let requester: String
    package let counters: CoalescingCounters
    package let waker: any Waker
    package let metrics: WorkMetrics

    /// Creates a queue on a database.
    ///
    /// - Parameters:
    ///   - database: A migrated schema.
    ///   - requester: Who asks, for the history; at most 128 characters are kept.
    ///   - counters: Counts what becomes of each request.
    ///   - waker: Told of every operation that becomes ready.
    ///   - metrics: Told of those that a cancel ends.
    package init(
        database: Database,
        requester: String,
        counters: CoalescingCounters,
        waker: any Waker,
        metrics: WorkMetrics = WorkMetrics()
    ) {
        self.database = database
        self.requester = String(String.UnicodeScalarView(requester.unicodeScalars.prefix(128)))
        self.counters = counters
        self.waker = waker
        self.metrics = metrics
    }

    /// Enqueues one operation, or adopts one that waits for the same work.
    ///
    /// - Throws: `ClusterOpsError`, naming the thing; nothing was written then, unless the error is `unreachable`.
    public func enqueue(_ request: OperationRequest) async throws -> OperationReceipt {
        try await translatingErrors {
            switch try await adoptOrInsert(request) {
            case .adopted(let plan, let id, let queue):
                counters.deduplicated(plan, into: id, requester: requester)
                await waker.wake([queue])
                return OperationReceipt(uuid: id, queueName: queue, state: .queued, deduplicated: true)
            case .inserted(let plan, let receipt):
                if receipt.state == .queued { await waker.wake([receipt.queueName]) }
                counters.requested([plan])
                return receipt
            case .unknown(let plan):
                let receipt = try await insert([plan], isUnknown: true)[0]
                counters.requested([plan])
                return receipt
            }
        }
    }

    /// The outcome of a request on one connection.
    private enum Outcome: Sendable {
        case adopted(OperationPlan, OperationID, QueueName)
        case inserted(OperationPlan, OperationReceipt)
        /// The outcome of the COMMIT was unknown.
        case unknown(OperationPlan)
    }

    private func adoptOrInsert(_ request: OperationRequest) async throws -> Outcome {
        let requester = requester
        return try await database.withReadsBeforeTransaction { session in
            let plan = try Admission.plans(for: [request], on: session)[0]
            if let waiting = try plan.adoptWaiting(on: session) { return .adopted(plan, waiting.id, waiting.queue) }
            do {
                let receipts = try session.transaction { try Self.insert([plan], requester: requester, in: $0) }
                return .inserted(plan, receipts[0])
            } catch let error as DatabaseError {
                guard error.code == .outcomeUnknown else { throw error }
                return .unknown(plan)
            }
        }
    }

    /// Enqueues many separate operations of one content, without looking for waiting ones.
    ///
    /// - Parameters:
    ///   - request: What each does; it carries no id.
    ///   - count: 1 to 10,000,000. Beyond `transactionSize` they are committed in several
    ///     transactions, so that a failure in the middle leaves the first ones.
    /// - Returns: The id of the first.
    /// - Throws: `ClusterOpsError`, naming the thing.
    public func enqueue(_ request: OperationRequest, count: Int) async throws -> OperationID {
        guard (1...Self.mostAtOnce).contains(count), request.id == nil else {
            throw ClusterOpsError(.invalid, "a count is from 1 to \(Self.mostAtOnce), and goes with no id")
        }
        return try await translatingErrors {
            var first: OperationID?
            var rest = count
            while rest > 0 {
                let size = min(rest, Self.transactionSize)
                let template = try await database.withSession { session in
                    try Admission.plans(for: [request], on: session)[0]
                }
                let plans = (0..<size).map { _ in template.copyWithNewID() }
                _ = try await insert(plans)
                first = first ?? plans[0].id
                rest -= size
                counters.requested(plans, refusal: .severalOperations)
            }
            guard let first else { preconditionFailure("at least one was enqueued") }
            return first
        }
    }

    /// Enqueues operations that depend on each other, all or none.
    ///
    /// - Parameter requests: In any order; edges between them name their ids.
    /// - Returns: One receipt for each request, in order.
    /// - Throws: `ClusterOpsError`; `invalid` for a cycle, which it names.
    public func submit(_ requests: [OperationRequest]) async throws -> [OperationReceipt] {
        try await translatingErrors {
            guard requests.count <= Self.transactionSize else {
                throw ClusterOpsError(.invalid, "at most \(Self.transactionSize) operations are submitted at once")
            }
            let plans = try await database.withSession { session in
                try Admission.plans(for: requests, on: session)
            }
            let receipts = try await insert(plans)
            counters.requested(plans, refusal: .severalOperations)
            return receipts
        }
    }

    /// The most operations that `enqueue(_:count:)` takes: ten times the design's largest backlog.
    package static let mostAtOnce = 10_000_000
    /// Operations of one transaction: 10,000 rows are 0.2 s of locks and undo, and one lost COMMIT to be resolved.
    static let transactionSize = 10_000

    /// The most times that an insertion is repeated when its COMMIT was lost and it is known not to have happened.
    private static let mostUnknowns = 3

    // MARK: Insertion

    /// Adds operations, and rings; finds out by itself what became of a COMMIT whose outcome is unknown.
    ///
    /// - Parameters:
    ///   - plans: All or none.
    ///   - isUnknown: Whether it was tried before, with a COMMIT whose outcome is unknown.
    /// - Returns: One receipt for each, in order.
    /// - Throws: `DatabaseError`, and `ClusterOpsError` for what they name.
    package func insert(_ plans: [OperationPlan], isUnknown: Bool = false) async throws -> [OperationReceipt] {
        let requester = requester
        var isUnknown = isUnknown
        for _ in (isUnknown ? 1 : 0)..<Self.mostUnknowns {
            if isUnknown, let receipts = try await happened(plans) { return receipts }
            do {
                let receipts = try await database.withTransaction { transaction in
                    try Self.insert(plans, requester: requester, in: transaction)
                }
                let ready = receipts.filter { $0.state == .queued }.map(\.queueName)
                await waker.wake(Set(ready), operations: ready.count)
                return receipts
            } catch let error as DatabaseError where error.code == .outcomeUnknown {
                isUnknown = true
            }
        }
        if let receipts = try await happened(plans) { return receipts }
        throw DatabaseError(code: .connectionLost, phase: .commit, message: "the connection is lost at every COMMIT")
    }

    package static func insert(
        _ plans: [OperationPlan],
        requester: String,
        in transaction: borrowing Transaction
    ) throws -> [OperationReceipt] {
        try Dependencies(plans).refuseCycles()
        try Admission.holdNodes(of: plans, in: transaction)
        let known = try IdempotentEnqueue(plans).alreadyThere(in: transaction)
        let new = plans.filter { known[$0.id] == nil }
        // Of the new ones only: one that is known may have ended, and is looked up like any other dependency.
        let unmet = try Dependencies(new).lock(in: transaction)
        try IdempotentEnqueue(new).beginningAgainIfSentTwice {
            try unmet.insertPossible(new, requester: requester, in: transaction)
        }
        try IdempotentEnqueue(new).refuseEnded(in: transaction)
        // After that look, which would find them.
        try IdempotentEnqueue(new).beginningAgainIfSentTwice {
            try unmet.insertImpossible(new, requester: requester, in: transaction)
        }
        try LabelStatements.insert(new, on: transaction.session)
        try RetryRecords(new).write(requester: requester, in: transaction)
        return plans.map { plan in
            known[plan.id]
                ?? OperationReceipt(
                    uuid: plan.id,
                    queueName: plan.queue,
                    state: unmet.state(of: plan),
                    deduplicated: false
                )
        }
    }

    /// Finds out whether a transaction happened whose COMMIT has an unknown outcome.
    ///
    /// The look locks: it waits for a COMMIT that is still on its way. All of the operations are there, or none.
    private func happened(_ plans: [OperationPlan]) async throws -> [OperationReceipt]? {
        try await database.withTransaction { transaction in
            let ids = plans.map(\.id)
            _ = try EnqueueStatements.lockLive(ids, in: transaction)
            let states = try OperationStatements.states(of: ids, on: transaction.session)
            guard states.count == Set(ids).count else { return nil }
            return plans.compactMap { plan in
                states[plan.id].map {
                    OperationReceipt(uuid: plan.id, queueName: plan.queue, state: $0, deduplicated: false)
                }
            }
        }
    }

    package func translatingErrors<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as DatabaseError {
            throw ClusterOpsError(error)
        } catch let error as Admission.NodeGone {
            throw ClusterOpsError(.notFound, "there is no node '\(error.name)': it was removed")
        } catch is RetryRecords.RetriedMeanwhile {
            throw ClusterOpsError(.conflict, "others retry the same operations: nothing was changed; try again")
        }
    }
}

/// Told which queues have got work that is ready.
///
/// Losing a call costs one slow poll of a worker, never an operation.
package protocol Waker: Sendable {
    /// Wakes processes that drain one of the queues, as many as there is work for; returns soon, whatever happens.
    func wake(_ queues: Set<QueueName>, operations: Int) async

    /// Wakes the process of a session, because something is wanted of an operation that it runs.
    func wake(_ session: SessionID) async

    /// Wakes whoever waits for the end of one of the operations, which have ended.
    ///
    /// - Parameters:
    ///   - ended: The operations.
    ///   - rung: Those who have been rung for them already.
    func wakeWaiters(of ended: Set<OperationID>, besides rung: Set<WaiterStatements.Waiter>) async

    /// Wakes who is known to wait; returns at once.
    func wake(_ waiters: [WaiterStatements.Waiter])
}

extension Waker {
    /// Wakes a process that drains one of the queues.
    package func wake(_ queues: Set<QueueName>) async { await wake(queues, operations: 1) }

    /// Wakes whoever waits for the end of one of the operations, which have ended.
    func wakeWaiters(of ended: Set<OperationID>) async { await wakeWaiters(of: ended, besides: []) }
}

/// Wakes nobody: the workers' polling finds the work.
package struct NoWaker: Waker {
    /// Creates one.
    package init() {}

    /// Does nothing.
    package func wake(_ queues: Set<QueueName>, operations: Int) async {}

    /// Does nothing.
    package func wake(_ session: SessionID) async {}

    /// Does nothing.
    package func wakeWaiters(of ended: Set<OperationID>, besides rung: Set<WaiterStatements.Waiter>) async {}

    /// Does nothing.
    package func wake(_ waiters: [WaiterStatements.Waiter]) {}
}

extension OperationPlan {
    /// Adopts a waiting operation of the same identity that is about to run, moving it to this request's lane if that
    /// is better.
    fileprivate func adoptWaiting(on session: borrowing Session) throws -> EnqueueStatements.Adoptable? {
        guard dedupRefusal == nil, let key = coalesceKey else { return nil }
        let found = try EnqueueStatements.adoptable(key, queue: queue, attempts: maximumAttempts, on: session)
        guard let waiting = found else { return nil }
        // Nothing is written unless it must be: even an UPDATE that finds nothing to do locks the row for a moment.
        guard queue.lane < waiting.queue.lane else { return waiting }
        let better = QueueName(waiting.queue.target, queue.lane)
        // Best effort: what cannot be moved is adopted where it is, if it runs there.
        let unmoved = waiting.isPaused ? nil : waiting
        do {
            let isMoved = try EnqueueStatements.improveLane(
                of: waiting.id,
                to: better,
                insteadOf: Lane.allCases.filter { $0 > better.lane },
                on: session
            )
            return isMoved ? EnqueueStatements.Adoptable(id: waiting.id, queue: better, isPaused: false) : unmoved
        } catch {
            guard error.code == .lockWaitTimeout || error.code == .deadlock else { throw error }
            return unmoved
        }
    }
}
