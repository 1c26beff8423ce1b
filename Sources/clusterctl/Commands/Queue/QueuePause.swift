import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct QueuePause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Pause queues: no operation of theirs starts; running ones go on.",
        discussion: """
            Example: clusterctl queue pause 'h1-*' --reason 'disk swap'
            With --list it prints the rules that pause queues, with the numbers of queues and operations that each of \
            them matches now.
            """
    )

    @OptionGroup var global: GlobalOptions

    @Flag(help: "List the rules instead: who made them, since when, why, and what they match.")
    var list = false

    @Option(
        help: "The reason, shown by 'queue list' and 'op explain'; at most 255 characters.",
        transform: { try Reason($0) }
    )
    var reason: Reason?

    @Argument(
        help: "A queue, or a pattern in which * stands for any run of characters.",
        completion: Names.queues,
        transform: { try QueuePattern($0) }
    )
    var pattern: QueuePattern?

    func validate() throws {
        if list {
            guard pattern == nil, reason == nil else {
                throw ValidationError("--list takes no pattern and no --reason")
            }
        } else {
            guard pattern != nil else { throw ValidationError("Missing expected argument '<pattern>'") }
            guard reason != nil else { throw ValidationError("Missing expected argument '--reason <reason>'") }
        }
    }

    func run() async throws {
        try await global.withCluster { cluster in
            guard let pattern, let reason else { return try await printRules(of: cluster) }
            try global.print(try await cluster.pause(pattern, reason: reason.text))
            guard try await !cluster.hasQueue(matching: pattern) else { return }
            Talk.say("the cluster has no queue '\(pattern)': the rule pauses nothing until it has one")
        }
    }

    private func printRules(of cluster: ClusterConnection) async throws {
        let rules = try await cluster.pauses()
        try global.print(rules)
        for use in rules.items where use.queues == 0 {
            Talk.say("the cluster has no queue '\(use.rule.pattern)': the rule pauses nothing until it has one")
        }
    }
}
