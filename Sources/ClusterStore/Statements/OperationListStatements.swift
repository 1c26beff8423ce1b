import ClusterModel
import MariaDB

/// The statements that find the operations of a list, at a cost that depends neither on the backlog nor on the history.
package enum OperationListStatements {
    /// Entries that one page looks at among the live and among the ended operations.
    ///
    /// A live one costs its row, an ended one is judged by its index entry, hence the difference. A page that looks
    /// at all of both took 137 ms with 1,000,000 live and 5,000,000 ended (`clusterops-bench-engine --only list`).
    package static let mostExamined = (live: 50_000, ended: 200_000)

    /// A queue of at most this many is read as a whole; a longer one is dense enough to be met on the way.
    private static let shortQueue = 10_000

    /// The place of an operation in every list.
    package static func key(of id: OperationID, on session: borrowing Session) throws -> OperationPage.Key? {
        try session.query(
            """
            SELECT enqueued_at, id FROM work_queue FORCE INDEX (PRIMARY) WHERE id = \(id)
            UNION ALL
            SELECT enqueued_at, id FROM finished_operations FORCE INDEX (PRIMARY) WHERE id = \(id)
            """
        ).first.map(key)
    }

    /// Finds live operations.
    package static func live(
        _ filter: OperationFilter,
        after cursor: OperationPage.Key?,
        on session: borrowing Session
    ) throws -> OperationPage.Part {
        let states = wanted(filter).filter { !$0.isTerminal }
        guard !states.isEmpty else { return OperationPage.Part() }
        let isAll = states.count == OperationState.allCases.count { !$0.isTerminal } && !filter.namesAPlace
        if !isAll, let way = try shortWay(filter, states: states, on: session) {
            let query = liveQuery(filter, states: states, after: cursor, by: way)
            return OperationPage.Part(keys: try session.query(query).map(key))
        }
        let horizon =
            isAll
            ? nil
            : try session.query(horizonQuery(of: .live, after: cursor, looking: mostExamined.live)).first.map(key)
        let query = liveQuery(filter, states: states, after: cursor, by: "work_by_age", downTo: horizon)
        return OperationPage.Part(keys: try session.query(query).map(key), horizon: horizon)
    }

    /// Finds ended operations.
    package static func ended(
        _ filter: OperationFilter,
        after cursor: OperationPage.Key?,
        on session: borrowing Session
    ) throws -> OperationPage.Part {
        let states = wanted(filter).filter(\.isTerminal)
        guard !states.isEmpty else { return OperationPage.Part() }
        let isAll = states.count == OperationState.allCases.count(where: \.isTerminal) && !filter.namesAPlace
        let horizon =
            isAll
            ? nil
            : try session.query(horizonQuery(of: .ended, after: cursor, looking: mostExamined.ended)).first.map(key)
        let query = endedQuery(filter, states: states, after: cursor, downTo: horizon)
        return OperationPage.Part(keys: try session.query(query).map(key), horizon: horizon)
    }

    // MARK: Queries

    package enum Place { case live, ended }

    /// The oldest entry that a page looks at; no row when there are fewer.
    package static func horizonQuery(of place: Place, after cursor: OperationPage.Key?, looking count: Int) -> SQL {
        let table: SQL =
            switch place {
            case .live: "work_queue FORCE INDEX (work_by_age)"
            case .ended: "finished_operations FORCE INDEX (finished_list)"
            }
        let older: SQL = cursor.map { "WHERE \(sql: isOlder(than: $0))" } ?? ""
        return """
            SELECT enqueued_at, id FROM \(sql: table) \(sql: older)
            ORDER BY enqueued_at DESC, id DESC LIMIT 1 OFFSET \(count - 1)
            """
    }

    package static func liveQuery(
        _ filter: OperationFilter,
        states: Set<OperationState>,
        after cursor: OperationPage.Key?,
        by index: SQL,
        downTo horizon: OperationPage.Key? = nil
    ) -> SQL {
        """
        SELECT enqueued_at, id FROM work_queue FORCE INDEX (\(sql: index))
        WHERE \(sql: condition(filter, states: states, after: cursor, downTo: horizon))
        ORDER BY enqueued_at DESC, id DESC LIMIT \(filter.limit)
        """
    }

    package static func endedQuery(
        _ filter: OperationFilter,
        states: Set<OperationState>,
        after cursor: OperationPage.Key?,
        downTo horizon: OperationPage.Key? = nil
    ) -> SQL {
        """
        SELECT enqueued_at, id FROM finished_operations FORCE INDEX (finished_list)
        WHERE \(sql: condition(filter, states: states, after: cursor, downTo: horizon))
        ORDER BY enqueued_at DESC, id DESC LIMIT \(filter.limit)
        """
    }

    /// An index that leads to few live operations: those that run, or those of a short queue.
    private static func shortWay(
        _ filter: OperationFilter,
        states: Set<OperationState>,
        on session: borrowing Session
    ) throws -> SQL? {
        if states == [.executing] { return "work_by_session" }
        guard let queue = filter.queue else { return nil }
        let count: Int = try session.query(
            """
            SELECT COUNT(*) FROM (
                SELECT 1 FROM work_queue FORCE INDEX (claim) WHERE queue_name = \(queue) LIMIT \(shortQueue)) AS counted
            """
        )[0].only()
        return count < shortQueue ? "claim" : nil
    }

    private static func condition(
        _ filter: OperationFilter,
        states: Set<OperationState>,
        after cursor: OperationPage.Key?,
        downTo horizon: OperationPage.Key?
    ) -> SQL {
        var conditions: [SQL] = ["state IN (\(list: states.sorted { $0.rawValue < $1.rawValue }))"]
        if states == [.executing] { conditions.append("session IS NOT NULL") }
        if let network = filter.network { conditions.append("network_name = \(network)") }
        if let node = filter.node { conditions.append("node_name = \(node)") }
        if let queue = filter.queue { conditions.append("queue_name = \(queue)") }
        if let since = filter.since {
            conditions.append("enqueued_at >= NOW(6) - INTERVAL \(since.wholeMicroseconds) MICROSECOND")
        }
        if let cursor { conditions.append(isOlder(than: cursor)) }
        if let horizon {
            let at = horizon.enqueuedAt
            conditions.append("(enqueued_at > \(at) OR (enqueued_at = \(at) AND id >= \(horizon.id)))")
        }
        return .joined(conditions, separator: " AND ")
    }

    /// Written such that the optimizer sees ranges of both columns, which it does not in a comparison of pairs:
    /// operations that one statement enqueued are all of one moment.
    private static func isOlder(than key: OperationPage.Key) -> SQL {
        "(enqueued_at < \(key.enqueuedAt) OR (enqueued_at = \(key.enqueuedAt) AND id < \(key.id)))"
    }

    private static func wanted(_ filter: OperationFilter) -> Set<OperationState> {
        filter.states.isEmpty ? Set(OperationState.allCases) : filter.states
    }

    private static func key(_ row: Row) throws -> OperationPage.Key {
        OperationPage.Key(enqueuedAt: try row.get("enqueued_at"), id: try row.get("id"))
    }
}

extension OperationFilter {
    fileprivate var namesAPlace: Bool { network != nil || node != nil || queue != nil }
}
