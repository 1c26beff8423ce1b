import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NodeAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add a node to the cluster.",
        discussion: "Example: clusterctl node add h1 --underlay 192.0.2.1 --role hypervisor --role network"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Argument(help: "The node's name.", transform: { try NodeName($0) })
    var name: NodeName

    @Option(help: "The IPv4 address by which other nodes reach it.", transform: { try IPv4Address($0) })
    var underlay: IPv4Address

    @Option(help: "A role, hypervisor or network; may be repeated. Default: hypervisor.")
    var role: [NodeRole] = []

    func run() async throws {
        let roles = role.isEmpty ? [.hypervisor] : Set(role)
        let draft = try NodeDraft(name: name, underlayAddress: underlay, roles: roles)
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).addNode(draft).view)
        }
    }
}
