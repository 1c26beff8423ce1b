import ClusterModel
import ClusterStore
import DatabaseTime
import Foundation
import Logging
import MariaDB
import ServiceLifecycle

/// Forgets operations that ended, and audit events that happened, longer ago than history is kept, in small batches and
/// a small share of the time.
///
/// Every queueworker runs one; one of them forgets at a time. What is gone is gone, and only a clock says that it may
/// go: so nothing is forgotten while the database's clock and this machine's disagree, and no more in an hour than
/// ``HistoryAllowance`` allows to all of them together.
package struct HistoryKeeper: Service {
    private let database: Database
    private let retention: Adjustable<Duration>
    private let logger: Logger
    private let clock: @Sendable () -> Timestamp

    package init(database: Database, retention: Duration, logger: Logger) {
        self.init(database: database, retention: Adjustable(retention), logger: logger)
    }

    /// Creates a keeper; `clock` is this machine's.
    package init(
        database: Database,
        retention: Adjustable<Duration>,
        logger: Logger,
        clock: @escaping @Sendable () -> Timestamp = Self.machineTime
    ) {
        self.database = database
        self.retention = retention
        self.logger = logger
        self.clock = clock
    }

    /// This machine's time.
    package static func machineTime() -> Timestamp {
        Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
    }

    /// Forgets until graceful shutdown.
    ///
    /// It begins with a rest, because workers that start together have more urgent things to do.
    package func run() async throws {
        var errors = ErrorReporter("history", logger: logger)
        var next = HistoryPace.rest(HistoryPace.shortRest, random: .random(in: 0...1))
        while await pause(for: next) == .elapsed {
            let begun = ContinuousClock.now
            do {
                let count = try await forgetBatch()
                errors.resolved()
                next = HistoryPace.pause(
                    afterForgetting: count,
                    in: ContinuousClock.now - begun,
                    random: .random(in: 0...1)
                )
            } catch {
                // Nobody waits for it: the next batch makes up for this one.
                errors.report("history cannot be shortened: \(error)")
                next = HistoryPace.rest(HistoryPace.shortRest, random: .random(in: 0...1))
            }
        }
    }

    /// Forgets the oldest operations and audit events whose time is over, in one transaction.
    ///
    /// - Returns: How many; fewer than a batch when no more are left or allowed, or another one is just forgetting.
    /// - Throws: ``ClocksDisagree``, `DatabaseError`; nothing is forgotten then.
    func forgetBatch() async throws -> Int {
        let (retention, clock) = (retention.value, clock)
        return try await database.withTransaction { transaction in
            let before = clock()
            let now = try OperationStatements.now(on: transaction.session)
            try ClocksDisagree.check(now, between: before, and: clock())
            try HistoryStatements.createAllowance(in: transaction)
            guard let stored = try HistoryStatements.lockAllowance(in: transaction) else { return 0 }
            var allowance = stored
            if !stored.isCurrent(at: now) {
                let size =
                    try HistoryStatements.size(in: transaction) + AuditStatements.size(in: transaction)
                allowance = HistoryAllowance(of: size, retention: retention, at: now)
            }
            let moment = Timestamp(microseconds: now.microseconds - retention.wholeMicroseconds)
            let limit = min(HistoryStatements.batch, allowance.operations)
            let ids = try HistoryStatements.lockOutlived(endedBefore: moment, limit: limit, in: transaction)
            try HistoryStatements.delete(ids, in: transaction)
            let events = try AuditStatements.lockOutlived(
                happenedBefore: moment,
                limit: limit - ids.count,
                in: transaction
            )
            try AuditStatements.delete(events, in: transaction)
            let count = ids.count + events.count
            allowance.operations -= count
            if allowance != stored { try HistoryStatements.write(allowance, in: transaction) }
            return count
        }
    }
}

/// An error that says that history is not to be judged by the database's clock now.
package struct ClocksDisagree: Error, CustomStringConvertible {
    /// The longest time by which the database's clock may differ from this machine's.
    ///
    /// Synchronised ones differ by milliseconds; the check `clock` of `doctor` finds a second.
    package static let tolerance: Duration = .seconds(60)

    /// Seconds by which the database's clock is ahead.
    package let seconds: Double

    package var description: String {
        let rounded = (abs(seconds) * 10).rounded() / 10
        return "the database's clock is \(rounded) s \(seconds > 0 ? "ahead of" : "behind") this machine's"
    }

    /// Throws when the database's time, which was asked for between two readings of this machine's clock, is too far
    /// away.
    package static func check(
        _ there: Timestamp,
        between before: Timestamp,
        and after: Timestamp
    ) throws(ClocksDisagree) {
        let here = before.microseconds + (after.microseconds - before.microseconds) / 2
        let difference = there.microseconds - here
        guard difference.magnitude <= tolerance.wholeMicroseconds.magnitude else {
            throw ClocksDisagree(seconds: Double(difference) / 1_000_000)
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
    ///
    /// An idle queueworker has no connection for it: each time it logs in, prepares ten statements, and commits. With
    /// one minute 2,000 of them would do that 33 times a second.
    static let rest: Duration = .seconds(300)
    /// About how long it rests before the first batch, and after one that failed.
    static let shortRest: Duration = .seconds(60)

    /// The pause after a batch; one that is not full was the last, be it that no more is left or that no more is
    /// allowed.
    static func pause(afterForgetting count: Int, in time: Duration, random: Double) -> Duration {
        guard count == HistoryStatements.batch else { return rest(random: random) }
        return time * (share - 1)
    }

    /// From half to one and a half times as long, so that workers which started together do not meet again.
    static func rest(_ rest: Duration = rest, random: Double) -> Duration { rest * (0.5 + random) }
}
