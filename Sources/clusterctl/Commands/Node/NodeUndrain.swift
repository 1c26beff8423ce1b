import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NodeUndrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain",
        abstract: "Let a drained node take new work again.",
        discussion: "Example: clusterctl node undrain h1"
    )

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The node's name.", completion: Names.nodes, transform: { try NodeName($0) })
    var name: NodeName

    func run() async throws {
        try await global.withCluster { cluster in
            try global.print(try await Inventory(cluster).undrain(name).view)
        }
    }
}
