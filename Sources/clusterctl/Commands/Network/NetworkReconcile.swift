import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NetworkReconcile: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Reconcile a network on every node that takes part in it.",
        discussion: "Example: clusterctl network reconcile blue"
    )

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The network's name.", completion: Names.networks, transform: { try NetworkName($0) })
    var name: NetworkName

    func run() async throws {
        try await global.withCluster { cluster in
            try global.print(try await Inventory(cluster).reconcileNetwork(name).view)
        }
    }
}
