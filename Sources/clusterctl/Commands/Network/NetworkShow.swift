import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NetworkShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a network and whether it has converged.",
        discussion: "Example: clusterctl network show blue"
    )

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The network's name.", completion: Names.networks, transform: { try NetworkName($0) })
    var name: NetworkName

    func run() async throws {
        try await global.withCluster { try global.print(try await Inventory($0).network(name).view) }
    }
}
