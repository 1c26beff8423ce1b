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

    @OptionGroup var watching: Watching

    func run() async throws {
        try await watching.print(global) { try await Inventory($0).networks().view }
    }
}
