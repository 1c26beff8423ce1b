import ClusterModel
import MariaDB

extension OperationStatements {
    /// Operations of each table that are looked through for ids that are not sorted by their first digits.
    private static let mostExamined = 200_000

    /// Finds the operations whose ids begin so, at most so many.
    ///
    /// By a range of the primary keys; ids of versions 1 to 5, which callers may bring, are stored by their last digits
    /// first, so they are found among the newest operations only.
    package static func abbreviated(
        by reference: OperationReference,
        limit: Int,
        on session: borrowing Session
    ) throws -> [OperationID] {
        let sorted: [OperationID] = try session.query(abbreviationQuery(reference, limit: limit)).map { try $0.only() }
        guard sorted.isEmpty else { return sorted }
        return try session.query(recentAbbreviationQuery(reference, limit: limit)).map { try $0.only() }
    }

    package static func abbreviationQuery(_ reference: OperationReference, limit: Int) -> SQL {
        let (least, greatest) = (reference.range.lowerBound, reference.range.upperBound)
        let condition: SQL = "id BETWEEN \(least) AND \(greatest) AND \(sql: begins(reference))"
        return """
            (SELECT id FROM work_queue FORCE INDEX (PRIMARY) WHERE \(sql: condition) ORDER BY id LIMIT \(limit))
            UNION
            (SELECT id FROM finished_operations FORCE INDEX (PRIMARY)
                WHERE \(sql: condition) ORDER BY id LIMIT \(limit))
            """
    }

    private static func recentAbbreviationQuery(_ reference: OperationReference, limit: Int) -> SQL {
        """
        (SELECT id FROM (
            SELECT id FROM work_queue FORCE INDEX (work_by_age)
            ORDER BY enqueued_at DESC, id DESC LIMIT \(mostExamined)) AS live
        WHERE \(sql: begins(reference)) LIMIT \(limit))
        UNION
        (SELECT id FROM (
            SELECT id FROM finished_operations FORCE INDEX (finished_list)
            ORDER BY enqueued_at DESC, id DESC LIMIT \(mostExamined)) AS ended
        WHERE \(sql: begins(reference)) LIMIT \(limit))
        """
    }

    private static func begins(_ reference: OperationReference) -> SQL {
        "LEFT(CAST(id AS CHAR), \(reference.description.utf8.count)) = \(reference.description)"
    }
}
