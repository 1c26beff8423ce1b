import ArgumentParser
import ClusterReports

struct ServiceList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List every dnsmasq and running command of the cluster, as last sampled by its node.",
        discussion: "Example: clusterctl service list -o json"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var watching: Watching

    func run() async throws {
        try await watching.print(global) { try await $0.services() }
    }
}
