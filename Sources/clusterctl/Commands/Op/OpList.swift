import ArgumentParser
import ClusterOps

struct OpList: AsyncParsableCommand {
    /// What a person or a script reads at once; the whole history is no list.
    private static let mostListed = 10_000

    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists operations, newest first, live and ended ones."
    )

    @OptionGroup var global: GlobalOptions

    @Option(
        help: "Only those in this state; may be repeated.",
        transform: { try OpList.state($0) }
    )
    var state: [OperationState] = []

    @Option(help: "Only those about this network.", transform: { try NetworkName($0) })
    var network: NetworkName?

    @Option(help: "Only those about this node.", transform: { try NodeName($0) })
    var node: NodeName?

    @Option(help: "Only those of this queue.", transform: { try QueueName($0) })
    var queue: QueueName?

    @Option(help: "Only those enqueued within this time, such as 1h.", transform: { try DurationText($0) })
    var since: DurationText?

    @Option(help: "How many at most, 1 to 10000.")
    var limit = 100

    func validate() throws {
        guard (1...Self.mostListed).contains(limit) else {
            throw ValidationError("--limit: expected 1 to \(Self.mostListed), found \(limit)")
        }
    }

    func run() async throws {
        var filter = OperationStatements.Filter()
        filter.states = Set(state)
        filter.network = network
        filter.node = node
        filter.queue = queue
        filter.since = since?.duration
        filter.limit = limit
        try await global.withCluster { [filter] in try global.print(try await $0.operations(filter)) }
    }

    private static func state(_ text: String) throws -> OperationState {
        guard let state = OperationState(rawValue: text) else {
            let states = OperationState.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValueError("state", found: text, expected: "one of \(states)")
        }
        return state
    }
}
