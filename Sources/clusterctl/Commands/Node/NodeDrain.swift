import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NodeDrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Drain a node: let it finish what it runs and take nothing new.",
        discussion: """
            Example: clusterctl node drain h1 --reason 'disk swap' --wait --deadline 30m
            With --wait it returns when nothing runs on the node any more, and the node is not the elected network \
            node. At the deadline, and when it is interrupted, the node stays draining.
            """
    )

    @OptionGroup var global: GlobalOptions

    @Option(
        help: "The reason, shown by 'node show', 'doctor' and 'events'; at most 255 characters.",
        transform: { try Reason($0) }
    )
    var reason: Reason?

    @Flag(help: "Wait until nothing runs on the node any more.")
    var wait = false

    @Option(
        help: "The longest wait, such as 90s or 30m; default none.",
        transform: { try DurationText($0) }
    )
    var deadline: DurationText?

    @Argument(help: "The node's name.", completion: Names.nodes, transform: { try NodeName($0) })
    var name: NodeName

    func validate() throws {
        guard deadline == nil || wait else { throw ValidationError("--deadline limits the time of --wait") }
    }

    func run() async throws {
        let drained = try await global.withCluster { try await Inventory($0).drain(name, reason: reason?.text) }
        guard wait else { return try global.print(drained.view) }
        DrainWait.tellOfInterrupt()
        let deadline = deadline.map { ContinuousClock.now + $0.duration }
        let subject = "node '\(name)', which stays draining"
        let (left, inTime) = try await global.withPatientCluster(until: deadline, for: subject) { cluster in
            try await DrainWait.end(of: name, until: deadline, on: cluster)
        }
        try global.print(ChangedView(left.node, operations: drained.operations))
        guard inTime else {
            throw Failure(.timedOut, "timed out: node '\(name)' stays draining, and \(left.text)")
        }
        if left.node.state == .active {
            throw Failure(.failed, "node '\(name)' takes new work again: somebody has undrained it")
        }
    }
}
