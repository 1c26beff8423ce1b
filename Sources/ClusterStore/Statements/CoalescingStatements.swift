import ClusterModel
import MariaDB

/// The statements on what became of requests.
package enum CoalescingStatements {
    package struct Key: Hashable, Sendable {
        package let task: TaskName
        package let outcome: String

        package init(task: TaskName, outcome: String) {
            self.task = task
            self.outcome = outcome
        }
    }

    package struct Adoption: Sendable {
        package let operation: OperationID
        package let requester: String

        package init(operation: OperationID, requester: String) {
            self.operation = operation
            self.requester = requester
        }
    }

    /// Adds counts; in the order of the key, so that two writers cannot deadlock.
    package static func add(
        _ counts: [Key: Int],
        shard: Int,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        let ordered = counts.sorted { ($0.key.task, $0.key.outcome) < ($1.key.task, $1.key.outcome) }
        try transaction.execute(together: ordered) { key, count in
            "(\(key.task), \(key.outcome), \(shard), \(count))"
        } in: { rows in
            """
            INSERT INTO coalescing_counters (task, outcome, shard, count) VALUES \(sql: rows)
            ON DUPLICATE KEY UPDATE count = count + VALUE(count)
            """
        }
    }

    package static func insert(_ adoptions: [Adoption], in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.execute(together: adoptions) { adoption in
            "(\(adoption.operation), \(adoption.requester), NOW(6))"
        } in: { rows in
            "INSERT INTO adoptions (operation, requester, adopted_at) VALUES \(sql: rows)"
        }
    }

    /// Every counter, summed over its shards.
    package static func totals(on session: borrowing Session) throws -> [(task: TaskName, outcome: String, count: Int)]
    {
        try session.query(
            "SELECT task, outcome, CAST(SUM(count) AS UNSIGNED) FROM coalescing_counters GROUP BY task, outcome"
        ).map { try $0.decode((TaskName, String, Int).self) }
    }
}
