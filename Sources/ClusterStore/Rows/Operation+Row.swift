import ClusterModel
import MariaDB

extension Operation {
    /// The columns that `init(row:)` reads and both tables have, in one place, so that no statement forgets one.
    package static let sharedColumns: SQL = "\(sql: requestColumns), \(sql: runColumns)"

    /// What no claim changes.
    package static let requestColumns: SQL = """
        id, kind, tasks, queue_name, network, network_name, node, node_name, interface, requester, deadline,
        max_attempts, retry_of, coalesce_key, exclusive_key, unmet, enqueued_at, ready_at, failures, defer_count,
        folded_into, cancel_requested_at, cancel_requester, folded_at, unfolded_at, unfolded_from,
        \(sql: Document.parameters.columns), \(sql: Document.dependsOn.columns), \(sql: Document.runsAfter.columns),
        \(sql: Document.history.columns)
        """

    /// What a claim writes.
    private static let runColumns: SQL =
        "state, deliveries, session, worker_node, worker_pid, claimed_at, started_at"

    private static let noEnd: SQL = """
        NULL AS finished_at, NULL AS error, NULL AS error_size, NULL AS result, NULL AS result_size,
        NULL AS result_omitted
        """

    /// Live operations have no end yet.
    package static let liveColumns: SQL = "\(sql: sharedColumns), \(sql: noEnd)"

    /// Those of a waiting operation as they are once a worker has taken it at the moment of the statement.
    package static func columns(takenBy worker: WorkerIdentity) -> SQL {
        """
        \(sql: requestColumns), 'executing' AS state, deliveries + 1 AS deliveries, \(worker.session) AS session,
        \(worker.node) AS worker_node, \(worker.pid) AS worker_pid, NOW(6) AS claimed_at, NOW(6) AS started_at,
        \(sql: noEnd)
        """
    }

    package static let finishedColumns: SQL = """
        \(sql: sharedColumns), finished_at, \(sql: Document.error.columns), \(sql: Document.result.columns),
        result_omitted
        """

    /// Reads the tasks, of which there is one at least.
    package static func tasks(of row: Row) throws -> [TaskName] {
        let tasks = try row.get("tasks", as: JSONColumn<[TaskName]>.self).value
        guard !tasks.isEmpty else {
            throw DatabaseError(code: .unexpectedValue, phase: .fetch, message: "column 'tasks': expected one at least")
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
            omitted: documents.omitted + [omittedResult].compactMap { $0 }
        )
    }
}
