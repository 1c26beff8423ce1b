import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NodeDrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Drain a node: let it finish what it runs and take nothing new.",
        discussion: "Example: clusterctl node drain h1"
    )

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The node's name.", transform: { try NodeName($0) })
    var name: NodeName

    func run() async throws {
        try await global.withCluster { cluster in
            try global.print(try await Inventory(cluster).setState(.draining, of: name).view)
        }
    }
}
