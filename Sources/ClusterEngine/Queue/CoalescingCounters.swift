import ClusterModel
import ClusterStore
import MariaDB
import Synchronization

/// Counts what became of every request and operation, per task, and writes the counts beside the hot path.
///
/// A coalescer that silently never matches is this field's classic bug, so every decision is counted, also the ones not
/// to coalesce. Counts are added up in memory and written by `flush`; a process that is killed loses those of the last
/// interval, never an operation.
package final class CoalescingCounters: Sendable {
    /// Rows over which one counter is spread: two processes meet on one in a sixteenth of the cases.
    static let shards = 16

    private struct Pending {
        var counts: [CoalescingStatements.Key: Int] = [:]
        var adoptions: [CoalescingStatements.Adoption] = []
        /// All that was counted since the process began, written down or not.
        var totals: [CoalescingStatements.Key: Int] = [:]

        mutating func add(_ task: TaskName, _ outcome: String) {
            let key = CoalescingStatements.Key(task: task, outcome: outcome)
            counts[key, default: 0] += 1
            totals[key, default: 0] += 1
        }
    }

    private let database: Database
    private let pending = Mutex(Pending())
    private let unreadable = Mutex(0)
    private let unconfirmed = Mutex(0)

    package init(database: Database) {
        self.database = database
    }

    package func requested(_ plans: [OperationPlan], refusal: OperationPlan.DedupRefusal? = nil) {
        pending.withLock { pending in
            for plan in plans {
                guard let task = plan.tasks.first else { continue }
                pending.add(task, "requested")
                // An id that a graph's edges need was not the caller's wish.
                let own = plan.dedupRefusal == .callersID ? refusal ?? .callersID : plan.dedupRefusal
                if let reason = own ?? refusal { pending.add(task, "refused \(reason.rawValue)") }
            }
        }
    }

    package func deduplicated(_ plan: OperationPlan, into operation: OperationID, requester: String) {
        guard let task = plan.tasks.first else { return }
        pending.withLock { pending in
            pending.add(task, "requested")
            pending.add(task, "deduplicated")
            pending.adoptions.append(.init(operation: operation, requester: requester))
        }
    }

    package func executed(_ task: TaskName, folded: [TaskName]) {
        pending.withLock { pending in
            pending.add(task, "executed")
            for task in folded { pending.add(task, "folded") }
        }
    }

    /// Counts operations that were left because they cannot be decoded; nobody knows their task.
    package func skippedUnreadable(_ count: Int) {
        guard count > 0 else { return }
        unreadable.withLock { $0 += count }
    }

    /// The number of operations that this process has left because they cannot be decoded.
    package var unreadableCount: Int { unreadable.withLock { $0 } }

    /// The number of flushes of this process that may or may not have been written, because the outcome of their COMMIT
    /// was unknown.
    package var unconfirmedFlushes: Int { unconfirmed.withLock { $0 } }

    /// A decision that was counted, with how often this process has taken it.
    package struct Count: Sendable, Hashable {
        package let task: TaskName
        package let outcome: String
        package let count: Int
    }

    /// The decisions that this process has taken since it began, with their counts, in no order.
    package var totals: [Count] {
        pending.withLock { $0.totals }.map { Count(task: $0.key.task, outcome: $0.key.outcome, count: $0.value) }
    }

    /// Writes what has been counted; what cannot be written is kept for the next time.
    ///
    /// Counts whose COMMIT nobody answered are dropped: they may stand in the database already, and counters that a
    /// coalescer fires must never be counted twice. So every counter is a lower bound; `unconfirmedFlushes` says how
    /// often.
    package func flush() async throws {
        let taken = pending.withLock { pending in
            defer { pending = Pending(totals: pending.totals) }
            return pending
        }
        guard !taken.counts.isEmpty || !taken.adoptions.isEmpty else { return }
        let shard = Int.random(in: 0..<Self.shards)
        do {
            try await database.withTransaction { transaction in
                try CoalescingStatements.add(taken.counts, shard: shard, in: transaction)
                try CoalescingStatements.insert(taken.adoptions, in: transaction)
            }
        } catch let error as DatabaseError where error.code == .outcomeUnknown {
            unconfirmed.withLock { $0 += 1 }
            throw error
        } catch {
            pending.withLock { pending in
                pending.counts.merge(taken.counts, uniquingKeysWith: +)
                pending.adoptions += taken.adoptions
            }
            throw error
        }
    }
}
