import ClusterModel
import MariaDB

/// The statements that find words for a shell to complete, at a cost that grows with nothing.
package enum CompletionStatements {
    /// Operations of each table that are looked at: of what is older nobody types the words.
    private static let mostExamined = 1000

    /// The next name of a label after one: one probe of the index.
    package static func nextLabel(after name: String, on session: borrowing Session) throws -> String? {
        try session.query(
            "SELECT MIN(name) FROM operation_labels FORCE INDEX (operations_by_label) WHERE name > \(name)"
        )[0].only()
    }

    /// The requesters of the newest operations.
    package static func requesters(on session: borrowing Session) throws -> [String] {
        try session.query(
            """
            (SELECT requester FROM (
                SELECT requester FROM work_queue FORCE INDEX (work_by_age)
                ORDER BY enqueued_at DESC, id DESC LIMIT \(mostExamined)) AS live)
            UNION
            (SELECT requester FROM (
                SELECT requester FROM finished_operations FORCE INDEX (finished_list)
                ORDER BY enqueued_at DESC, id DESC LIMIT \(mostExamined)) AS ended)
            """
        ).map { try $0.only() }
    }

    /// The codes of the errors with which the newest operations have ended.
    package static func errorCodes(on session: borrowing Session) throws -> [String] {
        try session.query(
            """
            SELECT DISTINCT JSON_VALUE(error, '$.code') FROM (
                SELECT error FROM finished_operations FORCE INDEX (finished_list)
                ORDER BY enqueued_at DESC, id DESC LIMIT \(mostExamined)) AS ended
            WHERE error IS NOT NULL
            """
        ).compactMap { try $0.only(String?.self) }
    }
}
