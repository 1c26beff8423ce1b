import ArgumentParser
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports

struct OpWait: AsyncParsableCommand {
    /// Ids of one look: a packet of 40 KB, once in some seconds.
    private static let mostAwaited = 1000

    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until operations have ended; succeed only if all complete.",
        discussion: "Example: clusterctl op wait 0190163d-8694-739b-aea5-966c26f8ad01 --timeout 5m"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var waiting: Waiting

    @Argument(help: "The operations.", transform: { try OperationID($0) })
    var uuids: [OperationID]

    func validate() throws {
        guard uuids.count <= Self.mostAwaited else {
            throw ValidationError("at most \(Self.mostAwaited) operations are waited for at once, found \(uuids.count)")
        }
    }

    func run() async throws {
        let watcher = Terminal.showsProgress ? progress : nil
        let (states, inTime) = try await global.withCluster { cluster in
            defer { if watcher != nil { Talk.progress("") } }
            return try await cluster.ends(of: uuids, timeout: waiting.timeout?.duration, watcher: watcher)
        }
        try global.print(states)
        if !inTime {
            let live = states.items.filter { !$0.state.isTerminal }
            throw Failure(.timedOut, "timed out: \(Self.named(live)) \(live.count == 1 ? "has" : "have") not ended")
        }
        let bad = states.items.filter { $0.state != .complete }
        guard bad.isEmpty else { throw Failure(.failed, "did not complete: \(Self.named(bad))") }
    }

    /// The interval at which what is shown is renewed; ends are told when they come all the same.
    private static let progressInterval: Duration = .seconds(1)

    private var progress: EndWatcher {
        let (begun, count) = (ContinuousClock.now, uuids.count)
        return EndWatcher(every: Self.progressInterval) { states in
            let ended = states.values.count(where: \.isTerminal)
            let running = states.values.count { $0 == .executing || $0 == .folded }
            let passed = (ContinuousClock.now - begun).components.seconds
            Talk.progress("\(ended) of \(count) ended, \(running) executing, \(passed) s")
        }
    }

    /// Names the first few, so that the line stays readable.
    private static func named(_ states: [OperationStateView]) -> String {
        let names = states.prefix(3).map { "\($0.uuid) (\($0.state.rawValue))" }.joined(separator: ", ")
        return states.count > 3 ? "\(names) and \(states.count - 3) more" : names
    }
}
