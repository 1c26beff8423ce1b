import MariaDB

/// The statements on what the cluster's workers can run.
package enum TaskStatements {
    /// Replaces what a node's queueworker has registered.
    package static func register(
        _ definitions: [TaskDefinition],
        node: NodeID,
        in transaction: borrowing Transaction
    ) throws(DatabaseError) {
        try transaction.execute("DELETE FROM registered_tasks WHERE node = \(node)")
        try transaction.executeBatch(definitions) { definition in
            """
            INSERT INTO registered_tasks
                (name, node, kind, coalescible, max_attempts, timeout_microseconds, registered_at)
            VALUES (\(definition.name), \(node), \(definition.kind), \(definition.isCoalescible),
                \(definition.maximumAttempts), \(definition.timeout.wholeMicroseconds), NOW(6))
            """
        }
    }

    /// What is registered under some names, by every node that did.
    static func registrations(_ names: [TaskName], on session: borrowing Session) throws -> [TaskDefinition] {
        guard !names.isEmpty else { return [] }
        return try session.query(
            """
            SELECT DISTINCT name, kind, coalescible, max_attempts, timeout_microseconds
            FROM registered_tasks WHERE name IN (\(list: names))
            """
        ).map { row in
            TaskDefinition(
                name: try row.get("name"),
                kind: try row.get("kind"),
                isCoalescible: try row.get("coalescible"),
                maximumAttempts: try row.get("max_attempts"),
                timeout: Duration(wholeMicroseconds: try row.get("timeout_microseconds"))
            )
        }
    }
}
