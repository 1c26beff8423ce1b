import ArgumentParser
import ClusterReports

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the cluster at a glance: leader, lanes, nodes, networks, processes.",
        discussion: """
            Example: clusterctl status -o json
            It is one statement, however large the cluster. Counts stop at a limit and then end in a plus.
            """
    )

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.withCluster { try global.print(try await $0.status()) }
    }
}
