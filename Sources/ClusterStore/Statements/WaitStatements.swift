import ClusterModel
import DatabaseTime
import MariaDB

/// The statement on how long operations waited, from the column to which each start adds its wait.
package enum WaitStatements {
    /// Ended operations that are looked at: 20,000 rows, 80 ms.
    package static let sample = 20_000

    /// Operations of one lane and one list of tasks that waited about equally long.
    package struct Class: Sendable {
        package let lane: Lane
        package let tasks: [TaskName]
        package let isDeferred: Bool
        /// Nil for those that were never started; `longest` in microseconds.
        package let wait: (number: Int, longest: Int64)?
        package let count: Int
        package let oldest: Timestamp
    }

    /// Sorts the newest ended operations into classes; a row for each class, not for each operation.
    package static func classes(since: Duration?, on session: borrowing Session) throws -> [Class] {
        try session.query(classesQuery(since: since)).map { row in
            let number: Int? = try row.get("class")
            let longest: Int64? = try row.get("longest")
            return Class(
                lane: try row.get("lane"),
                tasks: try Operation.tasks(of: row),
                isDeferred: try row.get("is_deferred"),
                wait: number.flatMap { number in longest.map { (number, $0) } },
                count: try row.get("count"),
                oldest: try row.get("oldest")
            )
        }
    }

    /// The inner SELECT has no condition but the time, so that it ends after `sample` rows, whatever they are.
    package static func classesQuery(since: Duration?) -> SQL {
        let recent: SQL =
            since.map { "WHERE finished_at >= NOW(6) - INTERVAL \($0.wholeMicroseconds) MICROSECOND" } ?? ""
        return """
            SELECT lane, tasks, is_deferred,
                CAST(FLOOR(LOG2(wait + 1) * \(WaitHistogram.classesPerDoubling)) AS SIGNED) AS class,
                COUNT(*) AS count, CAST(MAX(wait) AS SIGNED) AS longest, MIN(finished_at) AS oldest
            FROM (
                SELECT lane, tasks, defer_count > 0 AS is_deferred, finished_at,
                    \(sql: OperationColumns.finishedWait) AS wait
                FROM finished_operations FORCE INDEX (finished_by_end)
                \(sql: recent)
                ORDER BY finished_at DESC
                LIMIT \(sample)) AS ended
            GROUP BY lane, tasks, is_deferred, class
            """
    }
}
