import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct InterfaceList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List interfaces.",
        discussion: "Example: clusterctl interface list --network blue"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var watching: Watching

    @Option(
        help: "List only interfaces of this network.",
        completion: Names.networks,
        transform: { try NetworkName($0) }
    )
    var network: NetworkName?

    @Option(help: "List only interfaces on this node.", completion: Names.nodes, transform: { try NodeName($0) })
    var node: NodeName?

    func run() async throws {
        try await watching.print(global) { try await Inventory($0).interfaces(network: network, node: node).view }
    }
}
