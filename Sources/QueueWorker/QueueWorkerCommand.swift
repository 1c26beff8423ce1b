import ArgumentParser
import ClusterOps

/// The command line of `queueworker`.
public struct QueueWorkerCommand: AsyncParsableCommand {
    /// What `--help` says.
    public static let configuration = CommandConfiguration(
        commandName: "queueworker",
        abstract: "Drains the queues of a node and runs the operator's commands.",
        subcommands: [Run.self]
    )

    /// Creates the command.
    public init() {}

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: DaemonStart.runHelp)

        @Option(help: ArgumentHelp(DaemonStart.configHelp))
        var config: String?

        @Option(help: ArgumentHelp(DaemonStart.nodeHelp))
        var node: String?

        @Flag(help: ArgumentHelp(DaemonStart.checkHelp))
        var checkConfiguration = false

        func run() async throws {
            let start = DaemonStart(.queueworker, config: config, node: node)
            if checkConfiguration { ProcessEnd.end(await start.check(CommandHandler.problems)) }
            ProcessEnd.end(await start.run { try await QueueWorkerDaemon(context: $0).run() })
        }
    }
}
