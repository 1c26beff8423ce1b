import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct QueuePause: AsyncParsableCommand {
    /// The longest reason that the table holds.
    private static let longestReason = 255

    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Pause queues: no operation of theirs starts; running ones go on.",
        discussion: "Example: clusterctl queue pause 'h1-*' --reason 'disk swap'"
    )

    @OptionGroup var global: GlobalOptions

    @Argument(
        help: "A queue, or a pattern in which * stands for any run of characters.",
        transform: { try QueuePattern($0) }
    )
    var pattern: QueuePattern

    @Option(help: "The reason, shown by 'queue list' and 'op explain'; at most 255 characters.")
    var reason: String

    func validate() throws {
        guard (1...Self.longestReason).contains(reason.unicodeScalars.count) else {
            throw ValidationError("--reason: expected 1 to \(Self.longestReason) characters")
        }
    }

    func run() async throws {
        try await global.withCluster { cluster in
            try global.print(try await cluster.pause(pattern, reason: reason))
            guard try await !cluster.hasQueue(matching: pattern) else { return }
            Talk.say("the cluster has no queue '\(pattern)': the rule pauses nothing until it has one")
        }
    }
}
