import ArgumentParser
import ClusterDaemon
import ClusterModel

/// What a supervisor runs once a `netnode` has ended, however it did: nobody guards the gate any more.
struct LowerLegs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Takes the gateways' legs of this node down; refuses while a netnode runs.",
        discussion: """
            A netnode that ends by itself does so at its end; one that was killed cannot. The kernel's gate is closed by \
            then, and without their legs the gateways cannot be heard even if somebody removes it. The next netnode puts \
            them up again.
            """
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
                // Whose legs they are is not for us to say while somebody holds them up.
                let lock = try await NodeLock.take(
                    stateDirectory: network.stateDirectory,
                    prefix: network.namespacePrefix
                )
                try await NamespaceReconciler(prefix: network.namespacePrefix, logger: context.logger).lowerLegs()
                _ = consume lock
                return .drained
            }
        )
    }
}
