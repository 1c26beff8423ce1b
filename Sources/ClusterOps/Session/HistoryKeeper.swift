import Logging
import MariaDB
import ServiceLifecycle

/// Forgets operations that ended longer ago than history is kept, in small batches and a small share of the time.
///
/// Every queueworker runs one; each skips what another one is just forgetting, so that they share the work.
package struct HistoryKeeper: Service {
    private let database: Database
    private let retention: Adjustable<Duration>
    private let logger: Logger

    package init(database: Database, retention: Duration, logger: Logger) {
        self.init(database: database, retention: Adjustable(retention), logger: logger)
    }

    package init(database: Database, retention: Adjustable<Duration>, logger: Logger) {
        self.database = database
        self.retention = retention
        self.logger = logger
    }

    /// Forgets until graceful shutdown.
    ///
    /// It begins with a rest, because workers that start together have more urgent things to do.
    package func run() async throws {
        var trouble = Trouble(logger: logger)
        var next = HistoryPace.rest(random: .random(in: 0...1))
        while await pause(for: next) == .elapsed {
            let begun = ContinuousClock.now
            do {
                let count = try await forgetBatch()
                trouble.over()
                next = HistoryPace.pause(
                    afterForgetting: count,
                    in: ContinuousClock.now - begun,
                    random: .random(in: 0...1)
                )
            } catch {
                // Nobody waits for it: the next batch makes up for this one.
                trouble.report("history cannot be shortened: \(error)")
                next = HistoryPace.rest(random: .random(in: 0...1))
            }
        }
    }

    /// Forgets the oldest operations whose time is over, in one transaction.
    ///
    /// - Returns: How many; fewer than a batch when no more are left, or others have them.
    func forgetBatch() async throws -> Int {
        let retention = retention.value
        return try await database.withTransaction { transaction in
            let ids = try HistoryStatements.lockOutlived(retention, in: transaction)
            try HistoryStatements.delete(ids, in: transaction)
            return ids.count
        }
    }
}

/// Decides when the next batch of history is forgotten.
///
/// Pure.
enum HistoryPace {
    /// Of a worker's time at most one part in ten goes into it: one batch, and nine times as long of nothing.
    static let share = 10

    /// About how long it rests when nothing is left to forget.
    static let rest: Duration = .seconds(60)

    /// The pause after a batch.
    static func pause(afterForgetting count: Int, in time: Duration, random: Double) -> Duration {
        guard count == HistoryStatements.batch else { return rest(random: random) }
        return time * (share - 1)
    }

    /// From half to one and a half times `rest`, so that workers which started together do not meet again.
    static func rest(random: Double) -> Duration { rest * (0.5 + random) }
}
