import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NodeRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a node that hosts no interface and runs no daemon.",
        discussion: """
            Commands that wait for the node are named and prevent it: let them end, cancel them, or abort them with \
            the node. Mesh operations of the node go with it.
            Example: clusterctl node remove h1 --abort-operations --yes
            """
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @OptionGroup var confirmation: Confirmation

    @Flag(help: "Abort the commands that wait for the node, and their dependents.")
    var abortOperations = false

    @Argument(help: "The node's name.", completion: Names.nodes, transform: { try NodeName($0) })
    var name: NodeName

    func run() async throws {
        try confirmation.ask("Remove node '\(name)'?")
        try await global.withCluster { cluster in
            let removal = try await application.inventory(cluster).removeNode(name, abortingOperations: abortOperations)
            try global.print(removal.node.view)
            if removal.aborted > 0 {
                Talk.say("\(removal.aborted) operations that waited for node '\(name)' were aborted with it")
            }
        }
    }
}
