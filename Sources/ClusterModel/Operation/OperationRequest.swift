/// A caller's request for one operation.
public struct OperationRequest: Sendable, Hashable {
    /// The things that the work is about; any part may be absent.
    public struct Target: Sendable, Hashable {
        /// The network, by name.
        public var network: NetworkName?
        /// The node, by name.
        public var node: NodeName?
        /// The interface.
        public var interface: InterfaceID?

        /// Creates a target.
        public init(network: NetworkName? = nil, node: NodeName? = nil, interface: InterfaceID? = nil) {
            self.network = network
            self.node = node
            self.interface = interface
        }
    }

    /// The caller's own id: sent twice with the same content it is one operation.
    public var id: OperationID?
    /// The steps, in order; all of one kind.
    public var tasks: [TaskName]
    /// The things that the work is about.
    public var target: Target
    /// The priority class of the operation.
    public var lane: Lane
    /// JSON text, kept to the letter; at most 64 KiB.
    public var parameters: String?
    /// Must *complete* first; if one ends otherwise, this one is aborted.
    public var dependsOn: [OperationID]
    /// Must have ended first, however.
    public var runsAfter: [OperationID]
    /// Not before this long after the enqueue.
    public var delay: Duration
    /// It ends in `error` when it has not completed this long after the enqueue.
    public var deadline: Duration?
    /// Names with values by which the operation can be found; at most one of each name.
    public var labels: [OperationLabel]
    /// A Boolean value that indicates whether a waiting operation for the same work may be returned in place of a new
    /// one.
    public var allowsDedup: Bool

    /// Creates a request.
    public init(
        tasks: [TaskName],
        target: Target = Target(),
        lane: Lane = .default,
        id: OperationID? = nil,
        parameters: String? = nil,
        dependsOn: [OperationID] = [],
        runsAfter: [OperationID] = [],
        delay: Duration = .zero,
        deadline: Duration? = nil,
        labels: [OperationLabel] = [],
        allowsDedup: Bool = true
    ) {
        self.id = id
        self.tasks = tasks
        self.target = target
        self.lane = lane
        self.parameters = parameters
        self.dependsOn = dependsOn
        self.runsAfter = runsAfter
        self.delay = delay
        self.deadline = deadline
        self.labels = labels
        self.allowsDedup = allowsDedup
    }

    // Limits, each checked by `OperationPlan`.

    /// An operation is a unit of retry: longer lists belong into several operations with dependencies.
    public static let mostTasks = 16
    /// Bytes of `parameters`; far below the server's packet limit, small enough for a row of a hot table.
    public static let longestParameters = 65_536
    /// Levels of arrays and objects in `parameters`; MariaDB's own limit is 31.
    public static let deepestParameters = 31
    /// Edges into one operation; a fan-in of 1,000 is in the design's targets.
    public static let mostDependencies = 4096
    /// Labels of one operation; each is a row.
    public static let mostLabels = 16
    /// A delay or deadline further away than this is taken for a mistake.
    public static let longestDelay: Duration = .seconds(366 * 86_400)
}

/// The answer to a request.
public struct OperationReceipt: Sendable, Hashable, Codable {
    /// The operation that does the work: the caller's own, a new one, or the one that was adopted.
    public let uuid: OperationID
    /// The queue in which it waits.
    public let queueName: QueueName
    /// The state of the operation when the request was answered.
    public let state: OperationState
    /// A Boolean value that indicates whether a waiting operation was returned in place of a new one.
    public let deduplicated: Bool

    package init(uuid: OperationID, queueName: QueueName, state: OperationState, deduplicated: Bool) {
        self.uuid = uuid
        self.queueName = queueName
        self.state = state
        self.deduplicated = deduplicated
    }

    private enum CodingKeys: String, CodingKey {
        case uuid, state, deduplicated
        case queueName = "queue_name"
    }
}
