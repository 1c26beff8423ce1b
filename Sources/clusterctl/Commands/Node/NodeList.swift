import ArgumentParser
import ClusterEngine
import ClusterReports

struct NodeList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List nodes.",
        discussion: "Example: clusterctl node list"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var watching: Watching

    func run() async throws {
        try await watching.print(global) { try await Inventory($0).nodes().view }
    }
}
