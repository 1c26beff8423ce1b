import ArgumentParser
import ClusterModel

/// The options that select operations by what they are.
struct Selection: ParsableArguments {
    private static let states = OperationState.allCases.map(\.rawValue)

    @Option(
        help: "Select operations in this state: \(states.joined(separator: ", ")); may be repeated.",
        completion: Names.states,
        transform: { try Selection.state($0) }
    )
    var state: [OperationState] = []

    @Option(
        help: "Select operations with this task; may be repeated.",
        completion: Names.tasks,
        transform: { try TaskName($0) }
    )
    var task: [TaskName] = []

    @Option(
        help: "Select operations in this lane; may be repeated.",
        completion: Names.lanes,
        transform: { try Lane($0) }
    )
    var lane: [Lane] = []

    @Option(help: "Select operations on this network.", completion: Names.networks, transform: { try NetworkName($0) })
    var network: NetworkName?

    @Option(help: "Select operations on this node.", completion: Names.nodes, transform: { try NodeName($0) })
    var node: NodeName?

    @Option(
        help: "Select operations of this queue, or of those that match a pattern such as 'h1-*'.",
        completion: Names.queues,
        transform: { try QueuePattern($0) }
    )
    var queue: QueuePattern?

    @Option(help: "Select operations that this requester enqueued.", completion: Names.requesters)
    var requester: String?

    @Option(
        help: "Select operations that ended with this error code, such as command_failed.",
        completion: Names.errorCodes
    )
    var error: String?

    @Option(
        help: "Select operations with this label, such as release=42; with all, if repeated.",
        completion: Names.labels,
        transform: { try OperationLabel($0) }
    )
    var label: [OperationLabel] = []

    @Option(help: "Select operations enqueued within this time, such as 1h.", transform: { try DurationText($0) })
    var since: DurationText?

    @Option(help: "Select operations enqueued longer ago than this, such as 7d.", transform: { try DurationText($0) })
    var olderThan: DurationText?

    var selector: OperationSelector {
        var selector = OperationSelector()
        selector.states = Set(state)
        selector.tasks = Set(task)
        selector.lanes = Set(lane)
        selector.network = network
        selector.node = node
        selector.queue = queue
        selector.requester = requester
        selector.errorCode = error
        selector.labels = Set(label)
        selector.since = since?.duration
        selector.olderThan = olderThan?.duration
        return selector
    }

    /// Refuses a command that names operations and selects some, or does neither; and states that it cannot be for.
    func require(insteadOf named: [OperationReference], among states: Set<OperationState>) throws {
        guard named.isEmpty != selector.isEmpty else {
            throw ValidationError(
                named.isEmpty
                    ? "name operations, or select some by --state, --task, --queue and so on"
                    : "name operations or select some, not both"
            )
        }
        if let other = state.first(where: { !states.contains($0) }) {
            let possible = OperationState.allCases.filter(states.contains).map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--state: expected one of \(possible), found \"\(other.rawValue)\"")
        }
    }

    private static func state(_ text: String) throws -> OperationState {
        guard let state = OperationState(rawValue: text) else {
            throw ValueError("state", found: text, expected: "one of \(states.joined(separator: ", "))")
        }
        return state
    }
}
