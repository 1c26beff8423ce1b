import ClusterModel
import DatabaseTime
import MariaDB

/// An operation as `op show` and `op list` print it, and as commands get it on stdin.
package struct OperationView: Codable, Sendable, Hashable {
    /// The identifier of the operation.
    package let uuid: OperationID
    /// The kind of its work, which decides who runs it.
    package let kind: TaskKind
    /// Its steps, in order.
    package let tasks: [TaskName]
    /// The state of the operation.
    package let state: OperationState
    /// The queue in which it waits, or waited.
    package let queueName: QueueName
    /// The lane, which tells how urgent it is.
    package let lane: Lane
    /// The network it is about.
    @NullWhenUnknown package var network: NetworkName?
    /// The node it is about.
    @NullWhenUnknown package var node: NodeName?
    /// The interface it is about.
    @NullWhenUnknown package var interface: InterfaceID?
    /// The parameters that the caller gave along.
    @NullWhenUnknown package var parameters: JSONValue?
    /// Must complete first.
    package let dependsOn: [OperationID]
    /// Must have ended first.
    package let runsAfter: [OperationID]
    /// The number of those that have not ended.
    package let unmet: Int
    /// The labels that the caller gave it, by name.
    package let labels: [String: String]
    /// The person or program that asked for it.
    package let requester: String
    /// The time at which it ends in `error` if it has not been started.
    @NullWhenUnknown package var deadline: Timestamp?
    /// The ended operation that this one does again.
    @NullWhenUnknown package var retryOf: OperationID?
    /// The operation that does this one again.
    @NullWhenUnknown package var retriedAs: OperationID?
    /// Attempts that count: the failed ones, and the one that runs or succeeded.
    package let attempts: Int
    /// Failed attempts until it ends in `error`.
    package let maxAttempts: Int
    /// The number of times that a worker has claimed it.
    package let deliveries: Int
    /// The number of times that a command said "try again later".
    package let deferCount: Int
    /// The number of requests it serves: its own, and those that were deduplicated into it.
    package let requests: Int
    /// The time at which it was asked for.
    package let enqueuedAt: Timestamp
    /// The time from which it may run, once its dependencies have ended.
    package let readyAt: Timestamp
    /// The time at which a worker last claimed it; a follower's is its primary's.
    @NullWhenUnknown package var claimedAt: Timestamp?
    /// The time at which an attempt last started; a follower's is its primary's.
    @NullWhenUnknown package var startedAt: Timestamp?
    /// The time at which it ended.
    @NullWhenUnknown package var finishedAt: Timestamp?
    /// Seconds for which it could have run and did not: the sum over its deliveries, from ready to start.
    @NullWhenUnknown package var waitSeconds: Double?
    /// The operation whose execution does this one's work.
    @NullWhenUnknown package var foldedInto: OperationID?
    /// The operations that ride, or rode, on this one.
    package let followers: [OperationID]
    /// The process that runs it, or ran it last.
    @NullWhenUnknown package var worker: WorkerView?
    /// The reason why it did not complete.
    @NullWhenUnknown package var error: OperationFailure?
    /// The result that it returned.
    @NullWhenUnknown package var result: JSONValue?
    /// The parts that are not shown, or were not kept, and why.
    package let omitted: [OmittedPart]
    /// The attempts that did not end it, oldest first.
    package let attemptHistory: [AttemptRecord]
    /// The events that happened to it, oldest first.
    package let timeline: [TimelineEvent]

    private enum CodingKeys: String, CodingKey {
        case uuid, kind, tasks, state, lane, network, node, interface, parameters, unmet, requester, deadline, attempts
        case labels, deliveries, requests, followers, worker, error, result, omitted, timeline
        case queueName = "queue_name"
        case dependsOn = "depends_on"
        case runsAfter = "runs_after"
        case retryOf = "retry_of"
        case retriedAs = "retried_as"
        case maxAttempts = "max_attempts"
        case deferCount = "defer_count"
        case enqueuedAt = "enqueued_at"
        case readyAt = "ready_at"
        case claimedAt = "claimed_at"
        case startedAt = "started_at"
        case finishedAt = "finished_at"
        case waitSeconds = "wait_seconds"
        case foldedInto = "folded_into"
        case attemptHistory = "attempt_history"
    }
}

/// The process that runs an operation, or ran it last.
package struct WorkerView: Codable, Sendable, Hashable {
    /// The node's name.
    package let node: NodeName
    /// The process id on that node.
    package let pid: Int
    /// Its leased identity; null once the operation has gone back to its queue.
    @NullWhenUnknown package var session: SessionID?
}
