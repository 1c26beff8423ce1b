import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NodeSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change a node's address or its roles.",
        discussion: """
            Example: clusterctl node set h1 --role hypervisor --role network
            The roles that are named replace those that it has. A running netnode heeds them without a restart: one \
            that may be elected now makes every network ready, one that is elected and may not be any more hands over.
            """
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Argument(help: "The node's name.", completion: Names.nodes, transform: { try NodeName($0) })
    var name: NodeName

    @Option(help: "The IPv4 address by which other nodes reach it.", transform: { try IPv4Address($0) })
    var underlay: IPv4Address?

    @Option(help: "A role that it is to have, hypervisor or network; may be repeated.")
    var role: [NodeRole] = []

    func validate() throws {
        guard underlay != nil || !role.isEmpty else { throw ValidationError("expected --underlay or --role") }
    }

    func run() async throws {
        let wanted = try NodeChange(underlayAddress: underlay, roles: role.isEmpty ? nil : Set(role))
        try await global.withCluster { cluster in
            let node = try await application.inventory(cluster).changeNode(name, wanted)
            try global.print(node.view)
            let runsNetnode = node.object.sessions.contains { $0.daemon == DaemonName.netnode.rawValue }
            if role.contains(.network), !runsNetnode {
                Talk.say("no netnode runs on node '\(name)': it cannot be elected until one does")
            }
            if !role.isEmpty, !role.contains(.network), try await cluster.leader().holder == name {
                Talk.say("node '\(name)' is elected: it hands over as soon as another network node is ready")
            }
        }
    }
}
