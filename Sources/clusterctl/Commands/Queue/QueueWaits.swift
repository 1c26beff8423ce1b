import ArgumentParser
import ClusterModel
import ClusterReports

struct QueueWaits: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "waits",
        abstract: "Show how long ended operations waited for their start, per lane and task.",
        discussion: """
            Example: clusterctl queue waits --since 1h
            The wait is the time for which an operation could have run and did not, as 'op show' has it: without a \
            delay, back-off, dependencies and earlier attempts. The newest ended operations are looked at, 20,000 at \
            most; the answer says when there were more.
            """
    )

    @OptionGroup var global: GlobalOptions

    @Option(help: "Count only operations that ended within this time, such as 1h.", transform: { try DurationText($0) })
    var since: DurationText?

    func run() async throws {
        let waits = try await global.withCluster { try await $0.waits(since: since?.duration) }
        try global.print(waits)
        if waits.capped, let oldest = waits.since {
            Talk.say("only the newest \(waits.sampled) ended operations were looked at, back to \(oldest)")
        }
    }
}
