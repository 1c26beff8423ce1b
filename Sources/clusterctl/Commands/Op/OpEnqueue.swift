import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct OpEnqueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enqueue",
        abstract: "Enqueue an operation, or adopt one that waits for the same work.",
        discussion: "Example: clusterctl op enqueue network_ensure_mesh --network blue --node h1"
    )

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The tasks, in order; all of one kind.", transform: { try TaskName($0) })
    var tasks: [TaskName]

    @Option(help: "The network to work on.", completion: Names.networks, transform: { try NetworkName($0) })
    var network: NetworkName?

    @Option(help: "The node to work on.", completion: Names.nodes, transform: { try NodeName($0) })
    var node: NodeName?

    @Option(help: "The interface to work on.", transform: { try InterfaceID($0) })
    var interface: InterfaceID?

    @Option(
        help: "The lane: \(Lane.allCases.map(\.rawValue).joined(separator: ", ")); default \(Lane.default).",
        transform: { try Lane($0) }
    )
    var lane = Lane.default

    @Option(help: "An operation that must complete first; may be repeated.", transform: { try OperationID($0) })
    var dependsOn: [OperationID] = []

    @Option(help: "An operation that must have ended first; may be repeated.", transform: { try OperationID($0) })
    var runsAfter: [OperationID] = []

    @Option(help: "Start no earlier than this long from now, such as 30s.", transform: { try DurationText($0) })
    var delay: DurationText?

    @Option(
        help: "End in error if not completed this long from now.",
        transform: { try DurationText($0) }
    )
    var deadline: DurationText?

    @Option(parsing: .unconditional, help: "JSON for the task, at most 64 KiB.")
    var parameters: String?

    @Option(
        help: "An id of your own; sending the same id and content again is one operation.",
        transform: { try OperationID($0) }
    )
    var uuid: OperationID?

    @Flag(help: "Do not adopt an operation that waits for the same work.")
    var noDedup = false

    @Option(help: "Enqueue this many separate operations.")
    var count: Int?

    func run() async throws {
        let request = OperationRequest(
            tasks: tasks,
            target: .init(network: network, node: node, interface: interface),
            lane: lane,
            id: uuid,
            parameters: parameters,
            dependsOn: dependsOn,
            runsAfter: runsAfter,
            delay: delay?.duration ?? .zero,
            deadline: deadline?.duration,
            allowsDedup: !noDedup
        )
        try await global.withCluster { cluster in
            if let count {
                let first = try await cluster.queue.enqueue(request, count: count)
                try global.print(BulkEnqueueView(count: count, firstUUID: first))
            } else {
                try global.print(try await cluster.queue.enqueue(request))
            }
        }
    }
}
