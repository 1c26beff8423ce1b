import ArgumentParser
import ClusterReports

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows the cluster at a glance: leader, lanes, nodes, networks, processes.",
        discussion: """
            Example: clusterctl status -o json
            One statement, however large the cluster; counts stop at a limit, and say so by a plus.
            """
    )

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.withCluster { try global.print(try await $0.status()) }
    }
}
