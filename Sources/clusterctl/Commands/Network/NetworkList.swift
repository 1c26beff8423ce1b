import ArgumentParser
import ClusterEngine
import ClusterReports

struct NetworkList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List networks.",
        discussion: "Example: clusterctl network list"
    )

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.withCluster { try global.print(try await Inventory($0).networks().view) }
    }
}
