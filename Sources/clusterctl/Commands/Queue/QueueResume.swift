import ArgumentParser
import ClusterModel
import ClusterReports

struct QueueResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Resume paused queues: remove the pause rules that a pattern covers.",
        discussion: "Example: clusterctl queue resume 'h1-*'"
    )

    @OptionGroup var global: GlobalOptions

    @Argument(
        help: "A queue, or a pattern in which * stands for any run of characters; '*' removes every rule.",
        completion: Names.pausedPatterns,
        transform: { try QueuePattern($0) }
    )
    var pattern: QueuePattern

    func run() async throws {
        let answer = try await global.withCluster { try await $0.resume(pattern) }
        try global.print(answer)
        if answer.removed.isEmpty { Talk.say("no rule lies within '\(pattern)': nothing was changed") }
        for pause in answer.stillPausedBy {
            Talk.say("still paused by '\(pause.pattern)': \(pause.reason)")
        }
    }
}
