import ArgumentParser
import ClusterDaemon
import ClusterModel

/// The command that a supervisor runs once a `netnode` has ended, in whatever way: from then on nothing repairs the
/// gate.
struct LowerVeths: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Set this node's gateway veths down; refuse while a netnode runs.",
        discussion: """
            Run it after a netnode was killed; one that ends by itself has done it. The kernel's gate is closed by \
            then, and with the veths down no gateway can be reached even if somebody removes the gate. The next \
            netnode sets them up.
            """,
        // As the unit files of earlier versions call it.
        aliases: ["lower-legs"]
    )

    @Option(help: ArgumentHelp(DaemonStart.configHelp))
    var config: String?

    @Option(help: ArgumentHelp(DaemonStart.nodeHelp))
    var node: String?

    func run() async throws {
        let start = DaemonStart(.netnode, config: config, node: node)
        ProcessEnd.end(
            await start.run { context in
                let network = context.configuration.network
                // Refused while a netnode runs: the veths that are up are its own then.
                let lock = try await NodeLock.take(
                    stateDirectory: network.stateDirectory,
                    prefix: network.namespacePrefix
                )
                try await NamespaceReconciler(prefix: network.namespacePrefix, logger: context.logger).lowerVeths()
                _ = consume lock
                return .drained
            }
        )
    }
}
