import ClusterModel
import ClusterReports
import ClusterStore

/// A row of the lists of `top`.
enum TopRow: Equatable {
    /// The operation or node that a row is about; rows move, and this stays.
    enum ID: Hashable, Sendable {
        case operation(OperationID)
        case node(NodeName)
    }

    case running(ClusterActivity.RunningOperation)
    case failed(ClusterActivity.FailedOperation)
    case node(ClusterActivity.NodeActivity)

    var id: ID {
        switch self {
        case .running(let run): .operation(run.id)
        case .failed(let failure): .operation(failure.id)
        case .node(let node): .node(node.name)
        }
    }

    /// The operation with its state, if it is one.
    var operation: (id: OperationID, state: OperationState)? {
        switch self {
        case .running(let run): (run.id, .executing)
        case .failed(let failure): (failure.id, failure.state)
        case .node: nil
        }
    }

    /// The lane, if it has one.
    var lane: Lane? {
        switch self {
        case .running(let run): run.queue.lane
        case .failed(let failure): failure.queue.lane
        case .node: nil
        }
    }

    /// The tasks of an operation, as one word each.
    var tasks: String {
        switch self {
        case .running(let run): run.tasks.map(\.description).joined(separator: " ")
        case .failed(let failure): failure.tasks.map(\.description).joined(separator: " ")
        case .node: ""
        }
    }

    /// The node, or the one that runs or ran the operation.
    var node: String {
        switch self {
        case .running(let run): run.node?.description ?? ""
        case .failed(let failure): failure.node?.description ?? ""
        case .node(let node): "\(node.name)"
        }
    }

    /// The texts that a filter is held against.
    var words: [String] {
        switch self {
        case .running(let run): ["\(run.id)", "\(run.queue)", node, tasks]
        case .failed(let failure):
            ["\(failure.id)", "\(failure.queue)", node, tasks, failure.message, failure.state.rawValue]
        case .node(let activity): [node, activity.word]
        }
    }
}

extension ClusterActivity.NodeActivity {
    /// The state in a word or two.
    var word: String {
        if liveProcesses == 0 { return "silent" }
        return missing.first.map { "no \($0)" } ?? (isDraining ? "draining" : "live")
    }
}
