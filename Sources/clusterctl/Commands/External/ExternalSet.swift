import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct ExternalSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set the external network and the range of addresses to assign from it.",
        discussion: "Example: clusterctl external set --cidr 203.0.113.0/24 --gateway 203.0.113.1"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Option(help: "The IPv4 addresses, such as 203.0.113.0/24.", transform: { try CIDR($0) })
    var cidr: CIDR

    @Option(help: "The gateway, which is never assigned.", transform: { try IPv4Address($0) })
    var gateway: IPv4Address

    @Option(
        help: "The first address to assign; default the first usable.",
        transform: { try IPv4Address($0) }
    )
    var first: IPv4Address?

    @Option(
        help: "The last address to assign; default the last usable.",
        transform: { try IPv4Address($0) }
    )
    var last: IPv4Address?

    func run() async throws {
        let external = try ExternalNetwork(cidr: cidr, gateway: gateway, first: first, last: last)
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).setExternalNetwork(external).view)
        }
    }
}
