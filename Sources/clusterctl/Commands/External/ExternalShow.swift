import ArgumentParser
import ClusterEngine
import ClusterReports

struct ExternalShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the external network and how many of its addresses are assigned.",
        discussion: "Example: clusterctl external show"
    )

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.withCluster { try global.print(try await Inventory($0).externalNetwork().view) }
    }
}
