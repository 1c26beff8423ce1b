import ClusterModel
import DatabaseTime
import MariaDB

extension Operation {
    private static let sharedColumns: SQL = """
        \(sql: OperationColumns.selection(OperationColumns.requested + OperationColumns.progress)),
        \(sql: OperationLabel.column)
        """

    private static let noEnd: SQL = """
        NULL AS finished_at, NULL AS error, NULL AS error_size, NULL AS result, NULL AS result_size,
        NULL AS result_omitted
        """

    /// The columns of `work_queue` that `init(row:)` reads; a live operation has no end yet.
    static let liveColumns: SQL = "\(sql: sharedColumns), \(sql: liveSince), \(sql: noEnd)"

    private static let liveSince: SQL = "\(sql: OperationColumns.couldRunSince) AS could_run_since"

    /// The columns of `finished_operations` that `init(row:)` reads.
    static let finishedColumns: SQL =
        "\(sql: sharedColumns), ready_at AS could_run_since, \(sql: OperationColumns.selection(OperationColumns.end))"

    /// The columns of a waiting operation that a claim leaves as they are, joined once and not by each claim.
    private static let untakenColumns: SQL = {
        let taken: Set<SQL> = [
            "state", "deliveries", "session", "worker_node", "worker_pid", "claimed_at", "started_at", "waited",
        ]
        let columns = OperationColumns.requested + OperationColumns.progress
        return """
            \(sql: OperationColumns.selection(columns.filter { !taken.contains($0) })), \(sql: OperationLabel.column), \
            \(sql: liveSince), \(sql: noEnd)
            """
    }()

    /// Returns the columns of a waiting operation as they are once a worker has taken it at a moment; by default at
    /// that of the statement.
    package static func columns(takenBy worker: WorkerIdentity, at moment: Timestamp? = nil) -> SQL {
        let moment: SQL = moment.map { "CAST(\($0) AS DATETIME(6))" } ?? "NOW(6)"
        return """
            \(sql: untakenColumns), 'executing' AS state, deliveries + 1 AS deliveries,
            \(worker.session) AS session, \(worker.node) AS worker_node, \(worker.pid) AS worker_pid,
            \(sql: moment) AS claimed_at, \(sql: moment) AS started_at,
            \(sql: OperationColumns.waited(until: moment)) AS waited
            """
    }

    /// Reads the tasks, of which there is one at least.
    package static func tasks(of row: Row) throws -> [TaskName] {
        if let tasks = try plainTasks(row.get("tasks")) { return tasks }
        let tasks = try row.get("tasks", as: JSONColumn<[TaskName]>.self).value
        guard !tasks.isEmpty else {
            throw DatabaseError(code: .unexpectedValue, phase: .fetch, message: "column 'tasks': expected one at least")
        }
        return tasks
    }

    /// Reads a list of names as we write it, for a tenth of what a decoder of any JSON takes; nil for other text.
    private static func plainTasks(_ text: String) -> [TaskName]? {
        let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts.count % 2 == 1, parts.first == "[", parts.last == "]" else { return nil }
        var tasks: [TaskName] = []
        for (index, part) in parts.enumerated().dropFirst().dropLast() {
            if index % 2 == 0 {
                guard part == "," else { return nil }
            } else {
                guard let task = try? TaskName(String(part)) else { return nil }
                tasks.append(task)
            }
        }
        return tasks
    }

    /// Reads an operation.
    ///
    /// - Parameters:
    ///   - row: A row with `liveColumns` or `finishedColumns`.
    ///   - omitsUnreadable: Whether documents that cannot be read are left out, and noted, so that the rest can be
    ///     shown; to run an operation without its parameters would be wrong.
    /// - Throws: `DatabaseError`, naming the column.
    package init(row: Row, omitsUnreadable: Bool = false) throws {
        var documents = DocumentReading(row: row, omitsUnreadable: omitsUnreadable)
        let session: SessionID? = try row.get("session")
        let workerPID: Int? = try row.get("worker_pid")
        let workerNode: NodeName? = try row.get("worker_node")
        let omittedResult = try row.get("result_omitted", as: String?.self).map { OmittedPart("result", $0) }
        self.init(
            id: try row.get("id"),
            kind: try row.get("kind"),
            tasks: try Self.tasks(of: row),
            queue: try row.get("queue_name"),
            network: try row.get("network_name"),
            node: try row.get("node_name"),
            interface: try row.get("interface"),
            networkID: try row.get("network"),
            nodeID: try row.get("node"),
            parameters: try documents.text(.parameters),
            dependsOn: try documents.value(.dependsOn, as: [OperationID].self) ?? [],
            runsAfter: try documents.value(.runsAfter, as: [OperationID].self) ?? [],
            requester: try row.get("requester"),
            deadline: try row.get("deadline"),
            maximumAttempts: try row.get("max_attempts"),
            retryOf: try row.get("retry_of"),
            coalesceKey: try row.get("coalesce_key"),
            exclusiveKey: try row.get("exclusive_key"),
            state: try row.get("state"),
            unmet: try row.get("unmet"),
            enqueuedAt: try row.get("enqueued_at"),
            readyAt: try row.get("ready_at"),
            deliveries: try row.get("deliveries"),
            failures: try row.get("failures"),
            deferCount: try row.get("defer_count"),
            worker: workerNode.flatMap { node in workerPID.map { Worker(node: node, pid: $0, session: session) } },
            foldedInto: try row.get("folded_into"),
            claimedAt: try row.get("claimed_at"),
            startedAt: try row.get("started_at"),
            waited: try row.get("waited", as: Int64?.self).map { Duration(wholeMicroseconds: $0) },
            couldRunSince: try row.get("could_run_since"),
            foldedAt: try row.get("folded_at"),
            unfoldedAt: try row.get("unfolded_at"),
            unfoldedFrom: try row.get("unfolded_from"),
            finishedAt: try row.get("finished_at"),
            cancelRequestedAt: try row.get("cancel_requested_at"),
            cancelRequester: try row.get("cancel_requester"),
            // To be shown, a record that cannot be read is left out and noted; to be run or ended, it is replaced.
            attemptHistory: try omitsUnreadable
                ? documents.value(.history, as: [AttemptRecord].self) ?? [] : AttemptRecord.history(of: row),
            error: try documents.value(.error, as: OperationFailure.self),
            result: try documents.text(.result),
            labels: try row.get("labels", as: JSONColumn<[String: String]>?.self)?.value ?? [:],
            omitted: documents.omitted + [omittedResult].compactMap { $0 }
        )
    }
}
