import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NodeShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a node and its processes.",
        discussion: "Example: clusterctl node show h1"
    )

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The node's name.", completion: Names.nodes, transform: { try NodeName($0) })
    var name: NodeName

    func run() async throws {
        try await global.withCluster { try global.print(try await Inventory($0).node(name).view) }
    }
}
