import ClusterModel
import MariaDB

/// The statements on the labels of operations.
package enum LabelStatements {
    /// Writes the labels of new operations, in the transaction that adds them.
    package static func insert(_ plans: [OperationPlan], on session: borrowing Session) throws(DatabaseError) {
        let rows = plans.flatMap { plan in plan.labels.map { (operation: plan.id, label: $0) } }
        try session.execute(together: rows) { row in
            "(\(row.operation), \(row.label.name), \(row.label.value))"
        } in: { rows in
            "INSERT INTO operation_labels (operation, name, value) VALUES \(sql: rows)"
        }
    }

    /// Counts the operations with a label, up to a limit.
    static func count(_ label: OperationLabel, limit: Int, on session: borrowing Session) throws -> Int {
        try session.query(
            """
            SELECT COUNT(*) FROM (
                SELECT 1 FROM operation_labels FORCE INDEX (operations_by_label)
                WHERE name = \(label.name) AND value = \(label.value) LIMIT \(limit)) AS counted
            """
        )[0].only()
    }
}
