import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Tells what happens to operations, oldest first.",
        discussion: """
            Example: clusterctl events --follow -o json
            With --follow each event is a line of its own, JSON or text, and it goes on until it is interrupted. An attempt \
            that failed is told with the next start.
            """
    )

    @OptionGroup var global: GlobalOptions

    @Option(help: "How far back to begin, such as 1h.", transform: { try DurationText($0) })
    var since: DurationText?

    @Flag(help: "Go on telling.")
    var follow = false

    /// What somebody who looks has just missed.
    private static let recent: Duration = .seconds(600)

    func run() async throws {
        try await global.withCluster { cluster in
            // Who follows wants what comes, who does not wants what was.
            let since = since?.duration ?? (follow ? .zero : Self.recent)
            try await cluster.events(since: since, follows: follow) { events, isComplete in
                if follow {
                    for event in events { try global.printLine(event, text: event.line) }
                } else {
                    try global.print(ListView(events))
                }
                if !isComplete { Talk.say("more has happened than was looked at: the oldest of it is missing") }
            }
        }
    }
}
