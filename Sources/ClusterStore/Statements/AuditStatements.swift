import ClusterModel
import DatabaseTime
import MariaDB

/// The statements on the audit trail.
///
/// None of them changes a row.
package enum AuditStatements {
    /// Events that are read at once, the newest first.
    package static let mostFound = 2000

    /// Writes a change down, in the transaction that makes it.
    package static func record(
        _ change: AuditedChange,
        requester: String,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute(
            """
            INSERT INTO audit_events (id, happened_at, kind, subject_name, subject, requester, reason, new_values)
            VALUES (\(AuditEventID.new()), NOW(6), \(change.kind), \(change.subject), \(change.subjectID),
                \(requester), \(change.reason), \(JSONColumn(change.values)))
            """
        )
    }

    /// A choice of events.
    package struct Choice: Sendable, Hashable {
        package let since: Timestamp
        package let kinds: [AuditKind]
        /// The names or ids of subjects, in which `*` stands for any run of characters; nil for all.
        package let subject: String?

        package init(since: Timestamp, kinds: [AuditKind] = AuditKind.allCases, subject: String? = nil) {
            self.since = since
            self.kinds = kinds
            self.subject = subject
        }
    }

    /// Reads the events of a choice, the newest first.
    package static func events(_ choice: Choice, on session: borrowing Session) throws -> [AuditEvent] {
        guard !choice.kinds.isEmpty else { return [] }
        return try session.query(eventsQuery(choice)).map { row in
            AuditEvent(
                id: try row.get("id"),
                at: try row.get("happened_at"),
                change: AuditedChange(
                    try row.get("kind"),
                    of: try row.get("subject_name"),
                    id: try row.get("subject"),
                    reason: try row.get("reason"),
                    values: try row.get("new_values", as: JSONColumn<[String: JSONValue]>.self).value
                ),
                requester: try row.get("requester")
            )
        }
    }

    package static func eventsQuery(_ choice: Choice) -> SQL {
        var condition: SQL = ""
        if let subject = choice.subject {
            let pattern = likePattern(subject)
            condition = """
                AND (subject_name LIKE \(pattern) ESCAPE '|' OR CAST(subject AS CHAR) LIKE \(pattern) ESCAPE '|')
                """
        }
        return """
            SELECT id, happened_at, kind, subject_name, subject, requester, reason, new_values
            FROM audit_events FORCE INDEX (audit_events_by_time)
            WHERE happened_at >= \(choice.since) AND kind IN (\(list: choice.kinds)) \(sql: condition)
            ORDER BY happened_at DESC LIMIT \(mostFound)
            """
    }

    /// Returns the pattern of a LIKE that matches what `Glob` matches, with `|` as its escape.
    private static func likePattern(_ glob: String) -> String {
        glob.replacing("|", with: "||").replacing("%", with: "|%").replacing("_", with: "|_").replacing("*", with: "%")
    }

    // MARK: The end of it

    /// Locks the oldest events from before `moment`, leaving what somebody else holds.
    package static func lockOutlived(
        happenedBefore moment: Timestamp,
        limit: Int,
        in transaction: borrowing Transaction
    ) throws -> [AuditEventID] {
        try transaction.query(outlivedQuery(happenedBefore: moment, limit: limit)).map { try $0.only() }
    }

    package static func outlivedQuery(happenedBefore moment: Timestamp, limit: Int) -> SQL {
        """
        SELECT id FROM audit_events FORCE INDEX (audit_events_by_time)
        WHERE happened_at < \(moment)
        ORDER BY happened_at LIMIT \(limit)
        FOR UPDATE SKIP LOCKED
        """
    }

    /// The number at which events are counted no further: as many as go in some hours are enough to know.
    private static let counted = 10_000

    /// Returns the number of events that are kept, up to 10,000.
    package static func size(in transaction: borrowing Transaction) throws -> Int {
        try transaction.query(
            """
            SELECT COUNT(*) FROM (
                SELECT 1 FROM audit_events FORCE INDEX (audit_events_by_time) LIMIT \(counted)) AS some
            """
        )[0].only()
    }

    /// Deletes locked events.
    package static func delete(_ ids: [AuditEventID], in transaction: borrowing Transaction) throws(DatabaseError) {
        try transaction.delete(from: "audit_events", by: "id", ids)
    }
}
