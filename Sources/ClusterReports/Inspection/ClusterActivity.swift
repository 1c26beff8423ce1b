import ClusterModel

/// The cluster at a glance, with what it does at this moment.
package struct ClusterActivity: Sendable {
    /// Leader, lanes, counts.
    package let status: StatusView
    /// Operations that ended in each lane, for each of the last seconds; a lane in which none did is not there.
    package let endedPerSecond: [Lane: Double]
    /// The operations that have run for longest, longest first.
    package let running: [RunningOperation]
    /// The operations that failed last, the last one first; those of before a long time of success are in `op list`.
    package let failures: [FailedOperation]
    /// The nodes, those that need a look first: silent ones, draining ones, then the busiest.
    package let nodes: [NodeActivity]

    /// An operation that runs.
    package struct RunningOperation: Sendable, Hashable {
        package let id: OperationID
        package let tasks: [TaskName]
        package let queue: QueueName
        /// The node that runs it.
        package let node: NodeName?
        /// For how long, in seconds.
        package let seconds: Double
        package let isCancelRequested: Bool
    }

    /// An operation that ended badly.
    package struct FailedOperation: Sendable, Hashable {
        package let id: OperationID
        package let state: OperationState
        package let tasks: [TaskName]
        package let queue: QueueName
        package let node: NodeName?
        package let secondsAgo: Double
        /// The first part of what was wrong.
        package let message: String
    }

    /// A node with what it does.
    package struct NodeActivity: Sendable, Hashable {
        package let name: NodeName
        /// Processes that hold a lease; a node without one is silent.
        package let liveProcesses: Int
        package let running: Int
        package let isDraining: Bool
        /// The daemons that the node is to have, and has no live process of.
        package let missing: [String]
        /// The time since a process of the node last renewed its session, in seconds; nil when no session of it is
        /// known.
        package let seenSecondsAgo: Double?
    }
}
