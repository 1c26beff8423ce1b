import ClusterModel
import ClusterStore
import MariaDB

/// The counts of waiting and executing operations in one queue, for those that watch it all the time.
package struct QueueDepth: Sendable, Hashable {
    /// The limit at which counts stop: with a thousand operations waiting it does not matter how many more there are,
    /// and every node's daemons count.
    package static let mostCounted = 1000

    package let queue: QueueName
    package let queued: Int
    package let delayed: Int
    package let blocked: Int
    package let executing: Int
    /// For how long the oldest that could run has waited since it could; nil when none waits.
    package let oldest: Duration?

    /// Counts each state of each queue up to `mostCounted`, by one statement whose cost does not grow with the backlog.
    package static func of(_ queues: [QueueName], in database: Database) async throws -> [QueueDepth] {
        try await database.withSession { session in
            try QueueStatements.counts(of: queues, limit: mostCounted, on: session).map { counts in
                QueueDepth(
                    queue: counts.queue,
                    queued: counts.queued,
                    delayed: counts.delayed,
                    blocked: counts.blocked,
                    executing: counts.executing,
                    oldest: counts.oldestReadyAt.map { .microseconds(counts.now.microseconds - $0.microseconds) }
                )
            }
        }
    }
}
