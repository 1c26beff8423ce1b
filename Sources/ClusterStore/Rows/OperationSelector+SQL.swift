import ClusterModel
import MariaDB

/// The table in which operations are looked for.
package enum OperationPlace: Sendable {
    case live
    case ended
}

extension OperationSelector {
    /// Returns the conditions on the rows of one table; its columns are named without the table.
    ///
    /// - Parameters:
    ///   - place: The table.
    ///   - purpose: Leaves out what needs nothing more for it.
    /// - Returns: Conditions that all have to be true.
    package func conditions(of place: OperationPlace, for purpose: OperationFilter.Purpose) -> [SQL] {
        var states = place == .live ? liveStates : endedStates
        if purpose == .retry { states.remove(.complete) }
        // No state at all selects nothing: a list of an IN cannot be empty.
        guard !states.isEmpty else { return ["FALSE"] }
        var conditions: [SQL] = ["state IN (\(list: states.sorted { $0.rawValue < $1.rawValue }))"]
        if states == [.executing] { conditions.append("session IS NOT NULL") }
        if let network { conditions.append("network_name = \(network)") }
        if let node { conditions.append("node_name = \(node)") }
        if place == .live, let queues = possibleQueues { conditions.append("queue_name IN (\(list: queues))") }
        if let queue { conditions.append("queue_name LIKE \(queue.likePattern) ESCAPE '|'") }
        // Of the queue's name and not of the column, which the index of ended operations does not have; lanes have no
        // dash.
        if !lanes.isEmpty { conditions.append("SUBSTRING_INDEX(queue_name, '-', -1) IN (\(list: lanes.sorted()))") }
        if let since {
            conditions.append("enqueued_at >= NOW(6) - INTERVAL \(since.wholeMicroseconds) MICROSECOND")
        }
        if let olderThan {
            conditions.append("enqueued_at < NOW(6) - INTERVAL \(olderThan.wholeMicroseconds) MICROSECOND")
        }
        // From the text, as `first_task` is: a JSON function would stumble over a row in which somebody wrote no JSON.
        let containsTask = tasks.sorted().map { task -> SQL in
            let member = "\"\(task)\""
            return "LOCATE(\(member), tasks) > 0"
        }
        if !tasks.isEmpty { conditions.append("(\(sql: .joined(containsTask, separator: " OR ")))") }
        if let requester { conditions.append("requester = \(requester)") }
        if let errorCode { conditions.append("JSON_VALUE(error, '$.code') = \(errorCode)") }
        conditions += labels.sorted().map(\.isCarried)
        switch purpose {
        case .show: break
        case .cancel: conditions.append("cancel_requested_at IS NULL")
        // A scalar subquery, as of a label.
        case .retry: conditions.append("(SELECT r.retried_as FROM retries AS r WHERE r.operation = id) IS NULL")
        }
        return conditions
    }
}

extension QueuePattern {
    /// The pattern of a LIKE that matches the same, with `|` as its escape; see `QueueStatements.isPaused`.
    fileprivate var likePattern: String {
        description.replacing("_", with: "|_").replacing("*", with: "%")
    }
}
