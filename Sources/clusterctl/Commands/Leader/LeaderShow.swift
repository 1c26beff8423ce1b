import ArgumentParser
import ClusterReports

struct LeaderShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the elected network node and its term.",
        discussion: "Example: clusterctl leader show"
    )

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.withCluster { try global.print(try await $0.leader()) }
    }
}
