import ArgumentParser
import ChildProcess
import ClusterDaemon
import ClusterEngine
import ClusterModel

/// The command line of `queueworker`.
public struct QueueWorkerCommand: AsyncParsableCommand {
    /// The configuration of the command, with the text that `--help` prints.
    public static let configuration = CommandConfiguration(
        commandName: "queueworker",
        abstract: "Drain the queues of a node and run the operator's commands.",
        version: ProgramVersion.current,
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
            // Before there is a secret in it. Commands run as the same user, and are no part of the daemon.
            let error = ProcessMemory.close()
            precondition(error == 0, "the kernel has refused PR_SET_DUMPABLE (errno \(error))")
            let start = DaemonStart(.queueworker, config: config, node: node)
            if checkConfiguration { ProcessEnd.end(await start.check(CommandHandler.problems)) }
            ProcessEnd.end(await start.run { try await QueueWorkerDaemon(context: $0).run() })
        }
    }
}
