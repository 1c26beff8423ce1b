import ArgumentParser
import ClusterEngine
import ClusterReports

struct ExternalRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove the external network, if none of its addresses is assigned.",
        discussion: "Example: clusterctl external remove"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @OptionGroup var confirmation: Confirmation

    func run() async throws {
        try confirmation.ask("Remove the external network?")
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).removeExternalNetwork().view)
        }
    }
}
