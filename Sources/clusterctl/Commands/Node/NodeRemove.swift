import ArgumentParser
import ClusterOps

struct NodeRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Removes a node that hosts no interface and runs no process.",
        discussion: "Example: clusterctl node remove h1 --yes"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @OptionGroup var confirmation: Confirmation

    @Argument(help: "The node's name.", transform: { try NodeName($0) })
    var name: NodeName

    func run() async throws {
        try confirmation.ask("Remove node '\(name)'?")
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).removeNode(name))
        }
    }
}
