import ArgumentParser
import ClusterDaemon
import ClusterEngine
import ClusterModel

/// The command line of `netnode`.
public struct NetNodeCommand: AsyncParsableCommand {
    /// The configuration that `--help` shows.
    public static let configuration = CommandConfiguration(
        commandName: "netnode",
        abstract: "Reconcile the networks of a node and, when elected, serve DHCP, DNS and egress.",
        version: ProgramVersion.current,
        subcommands: [Run.self, LowerVeths.self]
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
            let start = DaemonStart(.netnode, config: config, node: node)
            if checkConfiguration { ProcessEnd.end(await start.check()) }
            ProcessEnd.end(await start.run { try await NetNodeDaemon(context: $0).run() })
        }
    }
}
