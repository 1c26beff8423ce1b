import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct ExternalSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Says what the network outside is, and which of its addresses may be given out.",
        discussion: "Example: clusterctl external set --cidr 203.0.113.0/24 --gateway 203.0.113.1"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Option(help: "Its addresses, such as 203.0.113.0/24.", transform: { try CIDR($0) })
    var cidr: CIDR

    @Option(help: "The next router, which is never given out.", transform: { try IPv4Address($0) })
    var gateway: IPv4Address

    @Option(
        help: "The first address that may be given out; default the first usable.",
        transform: { try IPv4Address($0) }
    )
    var first: IPv4Address?

    @Option(
        help: "The last address that may be given out; default the last usable.",
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
