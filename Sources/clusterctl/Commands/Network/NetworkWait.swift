import ArgumentParser
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports

struct NetworkWait: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until a network has converged on every node.",
        discussion: "Example: clusterctl network wait blue --timeout 30s"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var waiting: Waiting

    @Argument(help: "The network's name.", transform: { try NetworkName($0) })
    var name: NetworkName

    func run() async throws {
        let (network, inTime) = try await global.withCluster { cluster in
            try await waiting.poll {
                try await Inventory(cluster).network(name).view
            } until: { network in
                network.converged
            }
        }
        try global.print(network)
        guard inTime else {
            throw Failure(
                .timedOut,
                "timed out: network '\(name)' has not converged to generation \(network.wantedGeneration)"
            )
        }
    }
}
