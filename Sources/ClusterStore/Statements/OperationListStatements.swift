import ClusterModel
import MariaDB

/// The statements that find the operations of a list, at a cost that depends neither on the backlog nor on the history.
package enum OperationListStatements {
    /// Entries that one page looks at: live operations, ended ones, and ended ones whose rows it reads.
    ///
    /// A live one costs its row, an ended one as a rule only its index entry, hence the difference. A page that looks
    /// at all of both took 137 ms with 1,000,000 live and 5,000,000 ended (`clusterops-bench-engine --only list`).
    package static let mostExamined = (live: 50_000, ended: 200_000, endedRows: 50_000)

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
        let states = filter.selector.liveStates
        guard !states.isEmpty, filter.purpose != .retry else { return OperationPage.Part() }
        let isAll = states == OperationSelector().liveStates && !filter.selector.isSelective
        if let label = try rareLabel(filter.selector, on: session) {
            return try part(liveQuery(filter, after: cursor, by: "PRIMARY", among: label), on: session)
        }
        if !isAll, let way = try shortWay(filter.selector, on: session) {
            return try part(liveQuery(filter, after: cursor, by: way), on: session)
        }
        let horizon =
            isAll
            ? nil
            : try session.query(horizonQuery(of: .live, after: cursor, looking: mostExamined.live)).first.map(key)
        let query = liveQuery(filter, after: cursor, by: "work_by_age", downTo: horizon)
        return try part(query, downTo: horizon, on: session)
    }

    /// Finds ended operations.
    package static func ended(
        _ filter: OperationFilter,
        after cursor: OperationPage.Key?,
        on session: borrowing Session
    ) throws -> OperationPage.Part {
        let states = filter.selector.endedStates
        guard !states.isEmpty, filter.purpose != .cancel else { return OperationPage.Part() }
        let isAll =
            states == OperationSelector().endedStates && !filter.selector.isSelective && filter.purpose == .show
        if let label = try rareLabel(filter.selector, on: session) {
            return try part(endedQuery(filter, after: cursor, by: "PRIMARY", among: label), on: session)
        }
        let most = filter.selector.readsRows ? mostExamined.endedRows : mostExamined.ended
        let horizon =
            isAll ? nil : try session.query(horizonQuery(of: .ended, after: cursor, looking: most)).first.map(key)
        return try part(endedQuery(filter, after: cursor, downTo: horizon), downTo: horizon, on: session)
    }

    private static func part(
        _ query: SQL,
        downTo horizon: OperationPage.Key? = nil,
        on session: borrowing Session
    ) throws -> OperationPage.Part {
        var part = OperationPage.Part(horizon: horizon)
        for row in try session.query(query) {
            part.keys.append(try key(row))
            // A state that a newer program or a hand has written is shown, or refused, where the row is read.
            guard let state = try? row.get("state", as: OperationState.self) else { continue }
            part.states[state, default: 0] += 1
        }
        return part
    }

    // MARK: Queries

    /// The oldest entry that a page looks at; no row when there are fewer.
    package static func horizonQuery(
        of place: OperationPlace,
        after cursor: OperationPage.Key?,
        looking count: Int
    ) -> SQL {
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
        after cursor: OperationPage.Key?,
        by index: SQL,
        downTo horizon: OperationPage.Key? = nil,
        among label: OperationLabel? = nil
    ) -> SQL {
        let conditions = filter.selector.conditions(of: .live, for: filter.purpose)
        return """
            SELECT enqueued_at, id, state FROM work_queue FORCE INDEX (\(sql: index))
            WHERE \(sql: whole(conditions, after: cursor, downTo: horizon, among: label))
            ORDER BY enqueued_at DESC, id DESC LIMIT \(filter.limit)
            """
    }

    package static func endedQuery(
        _ filter: OperationFilter,
        after cursor: OperationPage.Key?,
        by index: SQL = "finished_list",
        downTo horizon: OperationPage.Key? = nil,
        among label: OperationLabel? = nil
    ) -> SQL {
        let conditions = filter.selector.conditions(of: .ended, for: filter.purpose)
        return """
            SELECT enqueued_at, id, state FROM finished_operations FORCE INDEX (\(sql: index))
            WHERE \(sql: whole(conditions, after: cursor, downTo: horizon, among: label))
            ORDER BY enqueued_at DESC, id DESC LIMIT \(filter.limit)
            """
    }

    /// A label that few operations have, so that all of those are looked at.
    private static func rareLabel(
        _ selector: OperationSelector,
        on session: borrowing Session
    ) throws -> OperationLabel? {
        try selector.labels.sorted().first { label in
            try LabelStatements.count(label, limit: shortQueue, on: session) < shortQueue
        }
    }

    /// An index that leads to few live operations: those that run, or those of short queues.
    private static func shortWay(_ selector: OperationSelector, on session: borrowing Session) throws -> SQL? {
        if selector.liveStates == [.executing] { return "work_by_session" }
        guard let queues = selector.possibleQueues else { return nil }
        let count: Int = try session.query(
            """
            SELECT COUNT(*) FROM (
                SELECT 1 FROM work_queue FORCE INDEX (claim)
                WHERE queue_name IN (\(list: queues)) LIMIT \(shortQueue)) AS counted
            """
        )[0].only()
        return count < shortQueue ? "claim" : nil
    }

    private static func whole(
        _ conditions: [SQL],
        after cursor: OperationPage.Key?,
        downTo horizon: OperationPage.Key?,
        among label: OperationLabel?
    ) -> SQL {
        var conditions = conditions
        if let label { conditions.append(label.leadsTo) }
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

    private static func key(_ row: Row) throws -> OperationPage.Key {
        OperationPage.Key(enqueuedAt: try row.get("enqueued_at"), id: try row.get("id"))
    }
}
