import ArgumentParser
import ClusterModel
import ClusterReports
import ClusterStore

struct OpList: AsyncParsableCommand {
    /// The most operations that a person or a script reads at once; the whole history is no list.
    private static let mostListed = 10_000

    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List live and ended operations, newest first.",
        discussion: """
            Example: clusterctl op list --state error --since 1d
            A list that has more names the operation to continue after. A page examines the newest \
            \(OperationListStatements.mostExamined.ended) ended operations, so a rare one may be on a later page.
            """
    )

    @OptionGroup var global: GlobalOptions

    @Option(
        help: "List only operations in this state; may be repeated.",
        transform: { try OpList.state($0) }
    )
    var state: [OperationState] = []

    @Option(
        help: "List only operations on this network.",
        completion: Names.networks,
        transform: { try NetworkName($0) }
    )
    var network: NetworkName?

    @Option(help: "List only operations on this node.", completion: Names.nodes, transform: { try NodeName($0) })
    var node: NodeName?

    @Option(help: "List only operations of this queue.", transform: { try QueueName($0) })
    var queue: QueueName?

    @Option(help: "List only operations enqueued within this time, such as 1h.", transform: { try DurationText($0) })
    var since: DurationText?

    @Option(help: "The most operations to list, 1 to 10000.")
    var limit = 100

    @Option(
        help: "Continue after this operation, with which an earlier list stopped.",
        transform: { try OperationID($0) }
    )
    var after: OperationID?

    func validate() throws {
        guard (1...Self.mostListed).contains(limit) else {
            throw ValidationError("--limit: expected 1 to \(Self.mostListed), found \(limit)")
        }
    }

    func run() async throws {
        var filter = OperationFilter()
        filter.states = Set(state)
        filter.network = network
        filter.node = node
        filter.queue = queue
        filter.since = since?.duration
        filter.after = after
        filter.limit = limit
        let page = try await global.withCluster { [filter] in try await $0.operations(filter) }
        try global.print(page)
        for operation in page.unreadable {
            Talk.say("operation \(operation.uuid) cannot be read: \(operation.reason)")
        }
        if let next = page.next { Talk.say("there may be more: go on with --after \(next)") }
    }

    private static func state(_ text: String) throws -> OperationState {
        guard let state = OperationState(rawValue: text) else {
            let states = OperationState.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValueError("state", found: text, expected: "one of \(states)")
        }
        return state
    }
}
