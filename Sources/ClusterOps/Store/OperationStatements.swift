import MariaDB

/// The statements that look at operations.
package enum OperationStatements {
    /// Reads operations by id, live ones before ended ones; an id that is nowhere is left out.
    ///
    /// Live first: an operation that ends between the two reads is found by the second.
    package static func operations(_ ids: [OperationID], on session: borrowing Session) throws -> [Operation] {
        guard !ids.isEmpty else { return [] }
        let live = try session.query(
            "SELECT \(sql: Operation.liveColumns) FROM work_queue FORCE INDEX (PRIMARY) WHERE id IN (\(list: ids))"
        ).map(Operation.init(row:))
        let found = Set(live.map(\.id))
        let missing = ids.filter { !found.contains($0) }
        guard !missing.isEmpty else { return live }
        let ended = try session.query(
            "SELECT \(sql: Operation.finishedColumns) FROM finished_operations WHERE id IN (\(list: missing))"
        ).map(Operation.init(row:))
        return live + ended
    }

    /// The operations that ride, or rode, on one.
    package static func followers(of id: OperationID, on session: borrowing Session) throws -> [OperationID] {
        try session.query(
            """
            SELECT id FROM work_queue WHERE folded_into = \(id)
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
        guard !ids.isEmpty else { return [:] }
        let live = try session.query(
            "SELECT id, state FROM work_queue FORCE INDEX (PRIMARY) WHERE id IN (\(list: ids))"
        ).map { try $0.decode((OperationID, OperationState).self) }
        var states = Dictionary(live, uniquingKeysWith: { first, _ in first })
        states.merge(
            try EnqueueStatements.finishedStates(of: ids.filter { states[$0] == nil }, on: session),
            uniquingKeysWith: { live, _ in live }
        )
        return states
    }

    /// What `op list` shows, newest first.
    package struct Filter: Sendable {
        package var states: Set<OperationState> = []
        package var network: NetworkName?
        package var node: NodeName?
        package var queue: QueueName?
        package var since: Duration?
        package var limit = 100

        package init() {}
    }

    /// Lists operations, newest first, live and ended ones merged.
    package static func list(_ filter: Filter, on session: borrowing Session) throws -> [Operation] {
        let states = filter.states.isEmpty ? Set(OperationState.allCases) : filter.states
        var operations: [Operation] = []
        let live = states.filter { !$0.isTerminal }
        if !live.isEmpty {
            operations += try session.query(
                """
                SELECT \(sql: Operation.liveColumns) FROM work_queue
                WHERE \(sql: condition(filter, states: live))
                ORDER BY enqueued_at DESC, id DESC LIMIT \(filter.limit)
                """
            ).map(Operation.init(row:))
        }
        let ended = states.filter(\.isTerminal)
        if !ended.isEmpty {
            operations += try session.query(
                """
                SELECT \(sql: Operation.finishedColumns) FROM finished_operations
                WHERE \(sql: condition(filter, states: ended))
                ORDER BY enqueued_at DESC, id DESC LIMIT \(filter.limit)
                """
            ).map(Operation.init(row:))
        }
        operations.sort { ($0.enqueuedAt, $0.id) > ($1.enqueuedAt, $1.id) }
        return Array(operations.prefix(filter.limit))
    }

    private static func condition(_ filter: Filter, states: Set<OperationState>) -> SQL {
        var conditions: [SQL] = ["state IN (\(list: states.sorted { $0.rawValue < $1.rawValue }))"]
        if let network = filter.network { conditions.append("network_name = \(network)") }
        if let node = filter.node { conditions.append("node_name = \(node)") }
        if let queue = filter.queue { conditions.append("queue_name = \(queue)") }
        if let since = filter.since {
            conditions.append("enqueued_at >= NOW(6) - INTERVAL \(since.wholeMicroseconds) MICROSECOND")
        }
        return .joined(conditions, separator: " AND ")
    }
}
