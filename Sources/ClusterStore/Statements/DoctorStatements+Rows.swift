import ClusterModel
import MariaDB

/// The statements that look for rows of operations which must not be; each looks at a bounded number.
extension DoctorStatements {
    /// Index entries that one of them walks over; all of `doctor` took 351 ms with 1,000,000 live and 5,000,000 ended.
    package static let mostExamined = 100_000

    /// Edges to operations that are neither live nor known to have dependents left.
    package static func danglingEdges(
        limit: Int,
        on session: borrowing Session
    ) throws -> [(dependency: OperationID, dependent: OperationID)] {
        try session.query(
            """
            SELECT e.dependency, e.dependent
            FROM (SELECT dependency, dependent FROM operation_dependencies LIMIT \(mostExamined)) AS e
                LEFT JOIN work_queue AS w ON w.id = e.dependency
                LEFT JOIN cascades AS c ON c.dependency = e.dependency
            WHERE w.id IS NULL AND c.dependency IS NULL LIMIT \(limit)
            """
        ).map { try $0.decode((OperationID, OperationID).self) }
    }

    /// Operations whose count of dependencies is not the number of their edges, among the newest.
    package static func miscounted(
        limit: Int,
        on session: borrowing Session
    ) throws -> [(id: OperationID, unmet: Int, edges: Int)] {
        try session.query(
            """
            SELECT w.id, w.unmet,
                (SELECT COUNT(*) FROM operation_dependencies AS e WHERE e.dependent = w.id) AS edges
            FROM (
                SELECT id, unmet FROM work_queue FORCE INDEX (work_by_age)
                ORDER BY enqueued_at DESC, id DESC LIMIT \(mostExamined)) AS w
            HAVING w.unmet <> edges LIMIT \(limit)
            """
        ).map { try $0.decode((OperationID, Int, Int).self) }
    }

    /// Followers of operations that are not live, or that follow somebody themselves.
    package static func lostFollowers(
        limit: Int,
        on session: borrowing Session
    ) throws -> [(id: OperationID, primary: OperationID)] {
        try session.query(
            """
            SELECT f.id, f.folded_into
            FROM (
                SELECT id, folded_into FROM work_queue FORCE INDEX (work_by_lookup)
                WHERE lookup_key BETWEEN '+' AND '+~' LIMIT \(mostExamined)) AS f
                LEFT JOIN work_queue AS s ON s.id = f.folded_into
            WHERE s.id IS NULL OR s.folded_into IS NOT NULL LIMIT \(limit)
            """
        ).map { try $0.decode((OperationID, OperationID).self) }
    }

    /// Reads the operations that have been executing under a dead session, or one that is gone, for longer than reapers
    /// need.
    package static func orphans(
        olderThan age: Duration,
        limit: Int,
        on session: borrowing Session
    ) throws -> [OperationID] {
        try session.query(
            """
            SELECT w.id
            FROM work_queue AS w FORCE INDEX (work_by_session)
                LEFT JOIN sessions AS s ON s.id = w.session
            WHERE w.session IS NOT NULL
                AND w.claimed_at < NOW(6) - INTERVAL \(age.wholeMicroseconds) MICROSECOND
                AND (COALESCE(s.expires_at, w.claimed_at) < NOW(6) - INTERVAL \(age.wholeMicroseconds) MICROSECOND
                    OR (s.dead AND s.renewed_at > NOW(6) + \(sql: LeaseTime.tolerance)))
            LIMIT \(limit)
            """
        ).map { try $0.only() }
    }

    /// Reads the operations that have waited past their deadline for longer than reapers need.
    package static func overdue(by age: Duration, limit: Int, on session: borrowing Session) throws -> [OperationID] {
        try session.query(
            """
            SELECT id FROM work_queue FORCE INDEX (work_by_lookup)
            WHERE lookup_key BETWEEN '@' AND CONCAT('@', NOW(6) - INTERVAL \(age.wholeMicroseconds) MICROSECOND)
                AND state IN ('blocked', 'queued')
            ORDER BY lookup_key LIMIT \(limit)
            """
        ).map { try $0.only() }
    }

    /// Operations in both tables, among the newest live ones.
    package static func twofold(limit: Int, on session: borrowing Session) throws -> [OperationID] {
        try session.query(
            """
            SELECT w.id
            FROM (
                SELECT id FROM work_queue FORCE INDEX (work_by_age)
                ORDER BY enqueued_at DESC, id DESC LIMIT \(mostExamined)) AS w
                JOIN finished_operations AS f ON f.id = w.id
            LIMIT \(limit)
            """
        ).map { try $0.only() }
    }

    /// Operations whose deliveries are at the end of what the schema counts, among the oldest ids.
    package static func usedUp(limit: Int, on session: borrowing Session) throws -> [(id: OperationID, deliveries: Int)]
    {
        try session.query(
            """
            SELECT id, deliveries
            FROM (SELECT id, deliveries FROM work_queue FORCE INDEX (PRIMARY) ORDER BY id LIMIT \(mostExamined)) AS w
            WHERE deliveries >= \(ExplanationFacts.mostDeliveries) LIMIT \(limit)
            """
        ).map { try $0.decode((OperationID, Int).self) }
    }

    /// Rows that are dated later than the database's clock, which is so only after that has been set back.
    package struct Ahead: Sendable {
        package enum Kind: String, Sendable {
            case waits
            case sessions
            case leases
        }

        package let kind: Kind
        package let count: Int
        /// By how much, at most.
        package let seconds: Double
    }

    package static func ahead(on session: borrowing Session) throws -> [Ahead] {
        let late: SQL = "> NOW(6) + \(sql: LeaseTime.tolerance)"
        return try session.query(
            """
            SELECT 'waits' AS kind, COUNT(*) AS count, MAX(TIMESTAMPDIFF(MICROSECOND, NOW(6), ready_set_at)) AS most
            FROM (
                SELECT ready_set_at FROM work_queue FORCE INDEX (work_by_ready_set)
                WHERE ready_set_at \(sql: late) AND state IN ('queued', 'blocked') LIMIT \(mostExamined)) AS w
            UNION ALL
            SELECT 'sessions', COUNT(*), MAX(TIMESTAMPDIFF(MICROSECOND, NOW(6), renewed_at))
            FROM sessions WHERE dead = FALSE AND renewed_at \(sql: late)
            UNION ALL
            SELECT 'leases', COUNT(*), MAX(TIMESTAMPDIFF(MICROSECOND, NOW(6), renewed_at))
            FROM leases WHERE holder IS NOT NULL AND renewed_at \(sql: late)
            """
        ).compactMap { row in
            let most: Int? = try row.get("most")
            guard let most, let kind = Ahead.Kind(rawValue: try row.get("kind")) else { return nil }
            return Ahead(kind: kind, count: try row.get("count"), seconds: Double(most) / 1_000_000)
        }
    }
}
