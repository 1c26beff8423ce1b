import ClusterModel
import DatabaseTime
import MariaDB

extension OperationView {
    /// Shows an operation; pure.
    ///
    /// - Parameters:
    ///   - operation: The operation's row.
    ///   - primary: The row of the operation that a live follower rides on.
    ///   - followers: What rides, or rode, on it.
    ///   - adoptions: The requests that adopted it, oldest first.
    ///   - retriedAs: The operation that does it again.
    ///   - now: The database's time.
    package init(
        _ operation: Operation,
        primary: Operation? = nil,
        followers: [OperationID] = [],
        adoptions: [(requester: String, at: Timestamp)] = [],
        retriedAs: OperationID? = nil,
        now: Timestamp
    ) {
        let runner = primary ?? operation
        var omitted = operation.omitted
        let parameters = JSONValue(stored: operation.parameters, "parameters", .parameters, &omitted)
        let result = JSONValue(stored: operation.result, "result", .result, &omitted)
        self.init(
            uuid: operation.id,
            kind: operation.kind,
            tasks: operation.tasks,
            state: operation.state,
            queueName: operation.queue,
            lane: operation.queue.lane,
            network: operation.network,
            node: operation.node,
            interface: operation.interface,
            parameters: parameters,
            dependsOn: operation.dependsOn,
            runsAfter: operation.runsAfter,
            unmet: operation.unmet,
            labels: operation.labels,
            requester: operation.requester,
            deadline: operation.deadline,
            retryOf: operation.retryOf,
            retriedAs: retriedAs,
            attempts: operation.attempts,
            maxAttempts: operation.maximumAttempts,
            deliveries: operation.deliveries,
            deferCount: operation.deferCount,
            requests: 1 + adoptions.count,
            enqueuedAt: operation.enqueuedAt,
            readyAt: operation.readyAt,
            claimedAt: runner.claimedAt,
            startedAt: runner.startedAt,
            finishedAt: operation.finishedAt,
            waitSeconds: operation.waitSeconds(primary: primary),
            foldedInto: operation.foldedInto,
            followers: followers,
            worker: runner.worker.map { WorkerView(node: $0.node, pid: $0.pid, session: $0.session) },
            error: operation.error,
            result: result,
            omitted: omitted,
            attemptHistory: operation.attemptHistory,
            timeline: Timeline(operation, adoptions: adoptions, now: now).events
        )
    }
}

extension JSONValue {
    /// Reads the document of a column; one that only a hand or an older program can have put there is not shown, and
    /// that is noted.
    fileprivate init?(stored text: String?, _ part: String, _ limits: JSONLimits, _ omitted: inout [OmittedPart]) {
        guard let text else { return nil }
        do throws(JSONError) {
            try self.init(parsing: text, limits: limits)
        } catch {
            omitted.append(OmittedPart(part, error.reason))
            return nil
        }
    }
}
