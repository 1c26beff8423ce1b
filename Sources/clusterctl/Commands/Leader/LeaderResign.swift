import ArgumentParser
import ClusterDaemon
import ClusterModel
import ClusterReports

/// Needs no `--yes`: nothing is destroyed, and the elected node stays where no other one is ready to serve as much.
struct LeaderResign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resign",
        abstract: "Make the elected network node hand over, and wait until another one serves.",
        discussion: "Example: clusterctl leader resign --timeout 1m"
    )

    /// Longer than a leader waits for somebody to be ready, with what the beginning of a tenure takes.
    private static let longest: Duration = .seconds(30)

    @OptionGroup var global: GlobalOptions

    @Option(
        help: "The longest wait, such as 30s or 5m, after which the request is withdrawn. Default 30s.",
        transform: { try DurationText($0) }
    )
    var timeout: DurationText?

    func run() async throws {
        let deadline = ContinuousClock.now + (timeout?.duration ?? Self.longest)
        let subject = "the request to resign, which stands if it was made"
        let outcome = try await global.withPatientCluster(until: deadline, for: subject) { cluster in
            try await cluster.resignLeader(within: deadline - .now)
        }
        switch outcome {
        case .handedOver(let change): try global.print(change)
        case .nobodyElected:
            throw Failure(.failed, "nobody is elected, so nobody can resign: see 'clusterctl node list'")
        case .refused(let holder, .nobodyStands):
            throw Failure(
                .failed,
                "node '\(holder)' stays elected: no other node with the network role is active and runs a netnode"
            )
        case .refused(let holder, .nobodyReady):
            throw Failure(
                .failed,
                "node '\(holder)' stays elected: no other node was ready in time to serve as much as it does"
            )
        case .electedAgain(let holder, let term):
            throw Failure(.failed, "node '\(holder)' lost its lease and was elected again, with term \(term)")
        case .timedOut(let holder, false):
            throw Failure(.timedOut, "timed out: node '\(holder)' is still elected; the request was withdrawn")
        case .timedOut(let holder, true):
            throw Failure(
                .timedOut,
                "timed out: node '\(holder)' is not elected any more, and no other node serves yet"
            )
        }
    }
}
