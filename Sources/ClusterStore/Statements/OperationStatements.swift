import ClusterModel
import DatabaseTime
import MariaDB

/// The statements that look at operations.
package enum OperationStatements {
    /// Reads operations by id, live ones before ended ones; an id that is nowhere is left out.
    ///
    /// - Throws: `DatabaseError` for a row that cannot be decoded as a whole.
    package static func operations(_ ids: [OperationID], on session: borrowing Session) throws -> [Operation] {
        try rows(ids, on: session).map { try Operation(row: $0) }
    }

    /// Reads operations by id for people and scripts: what cannot be decoded takes nothing else with it.
    ///
    /// A document that cannot be read is left out of its operation, and noted there.
    package static func shown(
        _ ids: [OperationID],
        on session: borrowing Session
    ) throws -> (operations: [Operation], unreadable: [UnreadableOperation]) {
        try UnreadableOperation.sortOut(rows(ids, on: session), omitsUnreadable: true)
    }

    /// An operation as one sees it who waits for its end.
    package struct End: Sendable {
        package let id: OperationID
        package let state: OperationState
        /// Nil before the end.
        package let operation: Operation?
    }

    /// Reads where operations stand, and all of those that have ended.
    package static func ends(of ids: [OperationID], on session: borrowing Session) throws -> [End] {
        try rows(ids, on: session).map { row in
            let state = try row.get("state", as: OperationState.self)
            let operation = state.isTerminal ? try Operation(row: row) : nil
            return End(id: try row.get("id"), state: state, operation: operation)
        }
    }

    /// One statement sees each operation in one of the tables, also while it moves.
    private static func rows(_ ids: [OperationID], on session: borrowing Session) throws -> [Row] {
        try ids.inLists { ids in
            try session.query(
                """
                SELECT \(sql: Operation.liveColumns)
                FROM work_queue FORCE INDEX (PRIMARY) WHERE id IN (\(list: ids))
                UNION ALL
                SELECT \(sql: Operation.finishedColumns)
                FROM finished_operations FORCE INDEX (PRIMARY) WHERE id IN (\(list: ids))
                """
            )
        }
    }

    /// The operations that ride, or rode, on one.
    package static func followers(of id: OperationID, on session: borrowing Session) throws -> [OperationID] {
        try session.query(
            """
            SELECT id FROM work_queue FORCE INDEX (work_by_lookup) WHERE lookup_key = \(id.followerKey)
            UNION ALL
            SELECT id FROM finished_operations WHERE folded_into = \(id)
            ORDER BY id
            """
        ).map { try $0.only() }
    }

    /// The requests that adopted an operation, oldest first.
    package static func adoptions(
        of id: OperationID,
        on session: borrowing Session
    ) throws -> [(requester: String, at: Timestamp)] {
        try session.query("SELECT requester, adopted_at FROM adoptions WHERE operation = \(id) ORDER BY number")
            .map { try $0.decode((String, Timestamp).self) }
    }

    /// The states of operations, wherever they are; an id that is nowhere is left out.
    package static func states(
        of ids: [OperationID],
        on session: borrowing Session
    ) throws -> [OperationID: OperationState] {
        let states = try ids.inLists { ids in
            try session.query(
                """
                SELECT id, state FROM work_queue FORCE INDEX (PRIMARY) WHERE id IN (\(list: ids))
                UNION ALL
                SELECT id, state FROM finished_operations FORCE INDEX (PRIMARY) WHERE id IN (\(list: ids))
                """
            ).map { try $0.decode((OperationID, OperationState).self) }
        }
        return Dictionary(states, uniquingKeysWith: { first, _ in first })
    }
}
