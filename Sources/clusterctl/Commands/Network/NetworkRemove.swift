import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NetworkRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a network that has no interfaces, and what serves it.",
        discussion: "Example: clusterctl network remove blue --yes"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @OptionGroup var confirmation: Confirmation

    @Argument(help: "The network's name.", completion: Names.networks, transform: { try NetworkName($0) })
    var name: NetworkName

    func run() async throws {
        try confirmation.ask("Remove network '\(name)'?")
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).removeNetwork(name).view)
        }
    }
}
