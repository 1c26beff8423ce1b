import MariaDB

/// An operation as `op show` and `op list` print it, and as commands get it on stdin.
public struct OperationView: Codable, Sendable, Hashable {
    /// What it is known by.
    public let uuid: OperationID
    /// Who runs it.
    public let kind: TaskKind
    /// Its steps, in order.
    public let tasks: [TaskName]
    /// Where it stands.
    public let state: OperationState
    /// Where it waits, or waited.
    public let queueName: QueueName
    /// How urgent it is.
    public let lane: Lane
    /// The network it is about.
    @NullWhenUnknown public var network: NetworkName?
    /// The node it is about.
    @NullWhenUnknown public var node: NodeName?
    /// The interface it is about.
    @NullWhenUnknown public var interface: InterfaceID?
    /// What the caller gave along.
    @NullWhenUnknown public var parameters: JSONValue?
    /// Must complete first.
    public let dependsOn: [OperationID]
    /// Must have ended first.
    public let runsAfter: [OperationID]
    /// How many of those have not ended.
    public let unmet: Int
    /// Who asked for it.
    public let requester: String
    /// When it ends in `error` if it has not been started.
    @NullWhenUnknown public var deadline: Timestamp?
    /// The ended operation that this one does again.
    @NullWhenUnknown public var retryOf: OperationID?
    /// Attempts that count: the failed ones, and the one that runs or succeeded.
    public let attempts: Int
    /// Failed attempts until it ends in `error`.
    public let maxAttempts: Int
    /// How often a worker has taken it.
    public let deliveries: Int
    /// How often a command said "try again later".
    public let deferCount: Int
    /// How many requests it serves: its own, and those that adopted it.
    public let requests: Int
    /// When it was asked for.
    public let enqueuedAt: Timestamp
    /// When it may run, once its dependencies have ended.
    public let readyAt: Timestamp
    /// When a worker last took it; a follower's is its survivor's.
    @NullWhenUnknown public var claimedAt: Timestamp?
    /// When an attempt last started; a follower's is its survivor's.
    @NullWhenUnknown public var startedAt: Timestamp?
    /// When it ended.
    @NullWhenUnknown public var finishedAt: Timestamp?
    /// Seconds for which it could have run and did not: the sum over its deliveries, from ready to start.
    @NullWhenUnknown public var waitSeconds: Double?
    /// The operation whose execution does this one's work.
    @NullWhenUnknown public var foldedInto: OperationID?
    /// The operations that ride, or rode, on this one.
    public let followers: [OperationID]
    /// The process that runs it, or ran it last.
    @NullWhenUnknown public var worker: WorkerView?
    /// Why it did not complete.
    @NullWhenUnknown public var error: OperationFailure?
    /// What it gave back.
    @NullWhenUnknown public var result: JSONValue?
    /// The parts that are not shown, or were not kept, and why.
    public let omitted: [OmittedPart]
    /// The attempts that did not end it, oldest first.
    public let attemptHistory: [AttemptRecord]
    /// What happened to it, oldest first.
    public let timeline: [TimelineEvent]

    private enum CodingKeys: String, CodingKey {
        case uuid, kind, tasks, state, lane, network, node, interface, parameters, unmet, requester, deadline, attempts
        case deliveries, requests, followers, worker, error, result, omitted, timeline
        case queueName = "queue_name"
        case dependsOn = "depends_on"
        case runsAfter = "runs_after"
        case retryOf = "retry_of"
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
public struct WorkerView: Codable, Sendable, Hashable {
    /// The node's name.
    public let node: NodeName
    /// The process id on that node.
    public let pid: Int
    /// Its leased identity; null once the operation has gone back to its queue.
    @NullWhenUnknown public var session: SessionID?
}
