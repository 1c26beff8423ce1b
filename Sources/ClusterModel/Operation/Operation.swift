import DatabaseTime

/// One operation as the database has it, live or ended.
public struct Operation: Sendable, Identifiable {
    /// The worker process that runs it, or ran it last.
    public struct Worker: Sendable, Hashable, Codable {
        /// The node's name.
        public let node: NodeName
        /// The process id on that node.
        public let pid: Int
        /// Its leased identity.
        public let session: SessionID?

        package init(node: NodeName, pid: Int, session: SessionID?) {
            self.node = node
            self.pid = pid
            self.session = session
        }
    }

    /// The id by which it is known.
    public let id: OperationID
    /// The kind of its tasks.
    public let kind: TaskKind
    /// The tasks to do, in order.
    public let tasks: [TaskName]
    /// The queue in which it waits, or from which it was claimed.
    public let queue: QueueName
    /// The network that it is about.
    public let network: NetworkName?
    /// The node that it is about, or that ran it.
    public let node: NodeName?
    /// The interface that it is about.
    public let interface: InterfaceID?
    package let networkID: NetworkID?
    package let nodeID: NodeID?
    /// JSON text, as it was given.
    public let parameters: String?
    /// The operations that had to complete first.
    public let dependsOn: [OperationID]
    /// The operations that had to end first.
    public let runsAfter: [OperationID]
    /// The name of the person or program that asked for it.
    public let requester: String
    /// It ends in `error` when it has not completed by then.
    public let deadline: Timestamp?
    /// Failed attempts after which it ends in `error`.
    public let maximumAttempts: Int
    /// The ended operation that this one does again.
    public let retryOf: OperationID?
    package let coalesceKey: CoalescingKey?
    package let exclusiveKey: String?

    /// The state that it is in.
    public let state: OperationState
    /// Dependencies that have not ended.
    public let unmet: Int
    /// The time at which it was asked for.
    public let enqueuedAt: Timestamp
    /// The time from which it may run, once its dependencies have ended.
    public let readyAt: Timestamp
    /// The number of times that a worker has claimed it; with the session it is the fencing token of every write that
    /// ends or extends a claim.
    public let deliveries: Int
    /// Attempts that failed.
    public let failures: Int
    /// The number of times that a command said "try again later".
    public let deferCount: Int
    /// The worker that runs it, or ran it last.
    public let worker: Worker?
    /// The operation whose execution does this one's work.
    public let foldedInto: OperationID?
    /// The time at which a worker last claimed it.
    public let claimedAt: Timestamp?
    /// The time at which the last attempt started.
    public let startedAt: Timestamp?
    /// The time for which it could have run and did not, up to its last start or its fold; nil for operations that
    /// ended under an older schema.
    package let waited: Duration?
    /// Since when it could run, the last time it could: its `readyAt`, or when it was last requeued without a pause.
    package let couldRunSince: Timestamp
    /// The time at which it became a follower.
    public let foldedAt: Timestamp?
    /// The time at which a primary that did not do its work requeued it.
    public let unfoldedAt: Timestamp?
    /// The primary that did.
    public let unfoldedFrom: OperationID?
    /// The time at which it ended.
    public let finishedAt: Timestamp?
    /// The time at which somebody asked for its end.
    public let cancelRequestedAt: Timestamp?
    /// The name of the person or program that asked for its end.
    public let cancelRequester: String?
    /// The attempts that did not end it, oldest first.
    public let attemptHistory: [AttemptRecord]
    /// The reason why it did not complete.
    public let error: OperationFailure?
    /// JSON text.
    public let result: String?
    /// The labels that the caller gave it, by name.
    public internal(set) var labels: [String: String] = [:]
    /// The parts that could not be read, or were not kept.
    public internal(set) var omitted: [OmittedPart] = []

    /// Attempts that count: the failed ones, and the one that runs or succeeded.
    public var attempts: Int {
        failures + (state == .executing || (state == .complete && foldedInto == nil) ? 1 : 0)
    }

    package init(
        id: OperationID,
        kind: TaskKind,
        tasks: [TaskName],
        queue: QueueName,
        network: NetworkName?,
        node: NodeName?,
        interface: InterfaceID?,
        networkID: NetworkID?,
        nodeID: NodeID?,
        parameters: String?,
        dependsOn: [OperationID],
        runsAfter: [OperationID],
        requester: String,
        deadline: Timestamp?,
        maximumAttempts: Int,
        retryOf: OperationID?,
        coalesceKey: CoalescingKey?,
        exclusiveKey: String?,
        state: OperationState,
        unmet: Int,
        enqueuedAt: Timestamp,
        readyAt: Timestamp,
        deliveries: Int,
        failures: Int,
        deferCount: Int,
        worker: Worker?,
        foldedInto: OperationID?,
        claimedAt: Timestamp?,
        startedAt: Timestamp?,
        waited: Duration?,
        couldRunSince: Timestamp,
        foldedAt: Timestamp?,
        unfoldedAt: Timestamp?,
        unfoldedFrom: OperationID?,
        finishedAt: Timestamp?,
        cancelRequestedAt: Timestamp?,
        cancelRequester: String?,
        attemptHistory: [AttemptRecord],
        error: OperationFailure?,
        result: String?,
        labels: [String: String] = [:],
        omitted: [OmittedPart] = []
    ) {
        self.id = id
        self.kind = kind
        self.tasks = tasks
        self.queue = queue
        self.network = network
        self.node = node
        self.interface = interface
        self.networkID = networkID
        self.nodeID = nodeID
        self.parameters = parameters
        self.dependsOn = dependsOn
        self.runsAfter = runsAfter
        self.requester = requester
        self.deadline = deadline
        self.maximumAttempts = maximumAttempts
        self.retryOf = retryOf
        self.coalesceKey = coalesceKey
        self.exclusiveKey = exclusiveKey
        self.state = state
        self.unmet = unmet
        self.enqueuedAt = enqueuedAt
        self.readyAt = readyAt
        self.deliveries = deliveries
        self.failures = failures
        self.deferCount = deferCount
        self.worker = worker
        self.foldedInto = foldedInto
        self.claimedAt = claimedAt
        self.startedAt = startedAt
        self.waited = waited
        self.couldRunSince = couldRunSince
        self.foldedAt = foldedAt
        self.unfoldedAt = unfoldedAt
        self.unfoldedFrom = unfoldedFrom
        self.finishedAt = finishedAt
        self.cancelRequestedAt = cancelRequestedAt
        self.cancelRequester = cancelRequester
        self.attemptHistory = attemptHistory
        self.error = error
        self.result = result
        self.labels = labels
        self.omitted = omitted
    }

    /// Returns the time, in seconds, for which it could have run and did not, up to its last start: the sum over its
    /// deliveries; nil before the first.
    ///
    /// A follower's start is that of its primary, whose row is given while it lives; what the primary waits after the
    /// fold is the primary's own.
    package func waitSeconds(primary: Operation? = nil) -> Double? {
        guard let waited, (primary?.startedAt ?? startedAt) != nil else { return nil }
        return waited / .seconds(1)
    }

    package var target: OperationPlan.ResolvedTarget {
        OperationPlan.ResolvedTarget(
            network: networkID.flatMap { id in network.map { (id, $0) } },
            node: nodeID.flatMap { id in node.map { (id, $0) } },
            interface: interface
        )
    }
}

/// The reason why an operation, or an attempt, did not succeed.
public struct OperationFailure: Sendable, Hashable, Codable, Error {
    /// A word for scripts, such as `command_failed` or `timed_out`.
    public let code: String
    /// A sentence for people.
    public let message: String
    /// The end of what a command wrote to stderr.
    public let stderrTail: String?

    /// Characters of a code.
    static let longestCode = 64
    /// Bytes of a message, and of the end of stderr in UTF-8: an attempt's record stays small, and so the row that
    /// keeps them.
    static let longestText = 8192

    /// Creates a failure; a message beyond 8 KiB loses its end, such output its beginning.
    public init(code: String, message: String, stderrTail: String? = nil) {
        self.code = String(code.prefix(Self.longestCode))
        self.message = Self.head(of: message)
        self.stderrTail = stderrTail.map { Self.end(of: $0) }
    }

    private enum CodingKeys: String, CodingKey {
        case code, message
        case stderrTail = "stderr_tail"
    }

    private static func head(of text: String) -> String {
        text.utf8.count <= longestText ? text : String(decoding: text.utf8.prefix(longestText), as: UTF8.self)
    }

    private static func end(of text: String) -> String {
        text.utf8.count <= longestText ? text : String(decoding: text.utf8.suffix(longestText), as: UTF8.self)
    }

    /// Writes every key, null when not known.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(code, forKey: .code)
        try container.encode(message, forKey: .message)
        try container.encode(stderrTail, forKey: .stderrTail)
    }
}

/// One attempt that did not end its operation.
public struct AttemptRecord: Sendable, Hashable, Codable {
    /// The way in which an attempt came to its end.
    public enum Outcome: String, Sendable, Hashable, Codable {
        /// The handler failed; it counts.
        case failed
        /// The command said "try again later"; it does not count.
        case deferred
        /// The worker's session died; it does not count.
        case reaped
        /// The worker handed it back unfinished; it does not count.
        case handedBack = "handed_back"
        /// The elected role went to another node by a hand-over, which took it back; it does not count.
        case takenOver = "taken_over"
        /// The node could not begin it; it does not count.
        case nodeCannot = "node_cannot"
        /// A word of a newer program.
        case unknown

        /// Reads a word; one that this program does not know holds up nothing.
        public init(from decoder: any Decoder) throws {
            let word = try decoder.singleValueContainer().decode(String.self)
            self = Self(rawValue: word) ?? .unknown
        }
    }

    /// The number of the delivery.
    public let delivery: Int
    /// The way in which the attempt came to its end.
    public let outcome: Outcome
    /// The node that it is about, or that ran it.
    public let node: NodeName?
    /// The worker process, by its session.
    public let session: SessionID?
    /// Since when it could have run before that; nil in records of older versions.
    public internal(set) var readyAt: Timestamp?
    /// The time at which the last attempt started.
    public let startedAt: Timestamp?
    /// The time at which it was over.
    public let endedAt: Timestamp
    /// The reason why it did not complete.
    public let error: OperationFailure?

    package init(
        delivery: Int,
        outcome: Outcome,
        node: NodeName?,
        session: SessionID?,
        readyAt: Timestamp? = nil,
        startedAt: Timestamp?,
        endedAt: Timestamp,
        error: OperationFailure?
    ) {
        self.delivery = delivery
        self.outcome = outcome
        self.node = node
        self.session = session
        self.readyAt = readyAt
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.error = error
    }

    /// The time, in seconds, for which it could have started and did not.
    package var waitSeconds: Double {
        guard let readyAt, let startedAt else { return 0 }
        return max(0, startedAt.seconds(since: readyAt))
    }

    private enum CodingKeys: String, CodingKey {
        case delivery, outcome, node, session, error
        case readyAt = "ready_at"
        case startedAt = "started_at"
        case endedAt = "ended_at"
    }

    /// Writes every key, null when not known.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(delivery, forKey: .delivery)
        try container.encode(outcome, forKey: .outcome)
        try container.encode(node, forKey: .node)
        try container.encode(session, forKey: .session)
        try container.encode(readyAt, forKey: .readyAt)
        try container.encode(startedAt, forKey: .startedAt)
        try container.encode(endedAt, forKey: .endedAt)
        try container.encode(error, forKey: .error)
    }

    /// Records kept for one operation; older ones are dropped first.
    ///
    /// With eight attempts and a few reapings all stay.
    package static let mostKept = 50
}
