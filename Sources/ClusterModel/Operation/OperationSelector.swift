/// The operations that a command lists, cancels or retries, by what they are; pure.
///
/// An operation is selected if it has every property that is given; where one may have several values, any of them
/// will do.
package struct OperationSelector: Sendable, Hashable {
    package var states: Set<OperationState> = []
    /// The operation has one of these among its tasks.
    package var tasks: Set<TaskName> = []
    package var lanes: Set<Lane> = []
    package var queue: QueuePattern?
    package var network: NetworkName?
    package var node: NodeName?
    /// The whole text by which the requester is known.
    package var requester: String?
    /// The code of the error with which it ended; no live operation has one.
    package var errorCode: String?
    /// The operation has all of these.
    package var labels: Set<OperationLabel> = []
    /// The operation was enqueued within this time.
    package var since: Duration?
    /// The operation was enqueued longer ago than this.
    package var olderThan: Duration?

    package init() {}

    /// A Boolean value that indicates whether every operation is selected.
    package var isEmpty: Bool { self == OperationSelector() }

    /// The states in which a live operation is selected.
    package var liveStates: Set<OperationState> {
        errorCode == nil ? wantedStates.filter { !$0.isTerminal } : []
    }

    /// The states in which an ended operation is selected: one that completed has no error.
    package var endedStates: Set<OperationState> {
        wantedStates.filter { $0.isTerminal && (errorCode == nil || $0 != .complete) }
    }

    private var wantedStates: Set<OperationState> { states.isEmpty ? Set(OperationState.allCases) : states }

    /// A Boolean value that indicates whether, of the operations in some state, some are not selected: they have to
    /// be looked through.
    package var isSelective: Bool {
        var others = self
        // Age is a range of the index by which lists are read.
        (others.states, others.since, others.olderThan) = ([], nil, nil)
        return !others.isEmpty
    }

    /// A Boolean value that indicates whether the row of an ended operation has to be read, beside its entry in the
    /// index of lists.
    package var readsRows: Bool { !tasks.isEmpty || requester != nil || errorCode != nil }

    /// The queues in which the live operations are that are selected; nil when it may be any.
    ///
    /// The schema ties an operation's queue to its node.
    package var possibleQueues: [QueueName]? {
        if let queue, let name = try? QueueName(queue.description) { return [name] }
        guard let node else { return nil }
        let targets: [QueueTarget] = [.node(node), .nodeNetwork(node)]
        return QueueName.claimOrder(targets: targets).filter { lanes.isEmpty || lanes.contains($0.lane) }
    }
}
