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

    @Argument(help: "The tasks, in order; all of one kind.", completion: Names.tasks, transform: { try TaskName($0) })
    var tasks: [TaskName]

    @Option(help: "The network to work on.", completion: Names.networks, transform: { try NetworkName($0) })
    var network: NetworkName?

    @Option(help: "The node to work on.", completion: Names.nodes, transform: { try NodeName($0) })
    var node: NodeName?

    @Option(help: "The interface to work on.", completion: Names.interfaces, transform: { try InterfaceID($0) })
    var interface: InterfaceID?

    @Option(
        help: "The lane: \(Lane.allCases.map(\.rawValue).joined(separator: ", ")); default \(Lane.default).",
        completion: Names.lanes,
        transform: { try Lane($0) }
    )
    var lane = Lane.default

    @Option(
        help: "An operation that must complete first; may be repeated.",
        completion: Names.operations,
        transform: { try OperationReference($0) }
    )
    var dependsOn: [OperationReference] = []

    @Option(
        help: "An operation that must have ended first; may be repeated.",
        completion: Names.operations,
        transform: { try OperationReference($0) }
    )
    var runsAfter: [OperationReference] = []

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

    @Option(
        help: "A label to find it by, such as release=42; may be repeated. It adopts no other operation then.",
        completion: Names.labels,
        transform: { try OperationLabel($0) }
    )
    var label: [OperationLabel] = []

    @Flag(help: "Wait until it has ended, and print it with its result; succeed only if it completes.")
    var wait = false

    @OptionGroup var waiting: Waiting

    func validate() throws {
        if wait, count != nil { throw ValidationError("--wait is for one operation, and not for --count") }
        if waiting.timeout != nil, !wait { throw ValidationError("--timeout goes with --wait") }
    }

    func run() async throws {
        try await global.withCluster { cluster in
            let request = try await resolvedRequest(on: cluster)
            if let count {
                let first = try await cluster.queue.enqueue(request, count: count)
                return try global.print(BulkEnqueueView(count: count, firstUUID: first))
            }
            let receipt = try await cluster.queue.enqueue(request)
            guard wait else { return try global.print(receipt) }
            // Whoever interrupts the wait knows what to look for.
            Talk.say("operation \(receipt.uuid) is \(receipt.state.rawValue) in \(receipt.queueName)")
            try await end(of: receipt.uuid, on: cluster)
        }
    }

    private func end(of id: OperationID, on cluster: ClusterConnection) async throws {
        let deadline = waiting.deadline()
        try await Outlasting.outages(of: cluster, until: deadline, for: "\(id)") { cluster in
            let (states, inTime) = try await EndProgress.ends(of: [id], until: deadline, on: cluster)
            try global.print(try await cluster.operation(id))
            try EndProgress.requireComplete(states.items, inTime: inTime)
        }
    }

    private func resolvedRequest(on cluster: ClusterConnection) async throws -> OperationRequest {
        OperationRequest(
            tasks: tasks,
            target: .init(network: network, node: node, interface: interface),
            lane: lane,
            id: uuid,
            parameters: parameters,
            dependsOn: try await cluster.operations(named: dependsOn),
            runsAfter: try await cluster.operations(named: runsAfter),
            delay: delay?.duration ?? .zero,
            deadline: deadline?.duration,
            labels: label,
            allowsDedup: !noDedup
        )
    }
}
