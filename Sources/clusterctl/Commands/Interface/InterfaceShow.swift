import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct InterfaceShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show an interface.",
        discussion: "Example: clusterctl interface show 0190163d-8694-739b-aea5-966c26f8ad01"
    )

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The interface.", completion: Names.interfaces, transform: { try InterfaceID($0) })
    var uuid: InterfaceID

    func run() async throws {
        try await global.withCluster { try global.print(try await Inventory($0).interface(uuid).view) }
    }
}
