import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NodeSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change a node.",
        discussion: "Example: clusterctl node set h1 --underlay 192.0.2.11"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Argument(help: "The node's name.", transform: { try NodeName($0) })
    var name: NodeName

    @Option(help: "The IPv4 address by which other nodes reach it.", transform: { try IPv4Address($0) })
    var underlay: IPv4Address

    func run() async throws {
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).setUnderlay(underlay, of: name).view)
        }
    }
}
