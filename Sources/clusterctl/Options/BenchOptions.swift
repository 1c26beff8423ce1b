import ArgumentParser
import ClusterDaemon
import ClusterEngine
import ClusterModel

/// The options that every benchmark takes.
struct BenchOptions: ParsableArguments {
    /// Connections that a benchmark may open: a caller has one.
    static let mostCallers = 64
    /// Longer than what is measured takes; its operations end by themselves then, also when this program was killed.
    private static let standardTimeout = Duration.seconds(300)
    private static let afterwards = Duration.seconds(60)

    @Option(help: "The number of operations or requests; each benchmark has a default and a limit.")
    var operations: Int?

    @Option(help: "The number of concurrent callers, 1 to \(mostCallers), where requests are measured.")
    var callers = 4

    @Option(help: "The lane.", completion: Names.lanes, transform: { try Lane($0) })
    var lane: Lane = .background

    @Option(
        help: "Measure this node; default all that drain the 'any' queues.",
        completion: Names.nodes,
        transform: { try NodeName($0) }
    )
    var node: NodeName?

    @Option(help: "The longest run, such as 30s; default 5m.", transform: { try DurationText($0) })
    var timeout: DurationText?

    @Flag(help: "Measure beside live operations, and compete with them.")
    var onLiveDatabase = false

    mutating func validate() throws {
        guard (1...Self.mostCallers).contains(callers) else {
            throw ValidationError("--callers is from 1 to \(Self.mostCallers), found \(callers)")
        }
        guard operations.map({ $0 > 0 }) ?? true else { throw ValidationError("--operations is at least 1") }
    }

    var limit: Duration { timeout?.duration ?? Self.standardTimeout }

    func operations(unless standard: Int, atMost most: Int) throws -> Int {
        let count = operations ?? standard
        guard count <= most else { throw Failure(.usage, "--operations is at most \(most) here, found \(count)") }
        return count
    }

    /// An operation that does nothing; one that is delayed is run by nobody while this lasts.
    func request(isDelayed: Bool = false) throws -> OperationRequest {
        let delay = isDelayed ? limit + Self.afterwards : .zero
        return OperationRequest(
            tasks: [BuiltInTask.noop.name],
            target: OperationRequest.Target(node: node),
            lane: lane,
            delay: delay,
            deadline: delay + limit + Self.afterwards,
            allowsDedup: false
        )
    }
}
