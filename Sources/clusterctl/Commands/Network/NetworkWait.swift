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

    @Argument(help: "The network's name.", completion: Names.networks, transform: { try NetworkName($0) })
    var name: NetworkName

    func run() async throws {
        let (deadline, subject) = (waiting.deadline(), "network '\(name)'")
        let (network, inTime) = try await global.withPatientCluster(until: deadline, for: subject) { cluster in
            try await Waiting.poll(until: deadline) {
                try await Inventory(cluster).network(name).view
            } isDone: { network in
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
