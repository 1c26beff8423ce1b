import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct InterfaceRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove an interface.",
        discussion: "Example: clusterctl interface remove 0190163d-8694-739b-aea5-966c26f8ad01 --yes"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @OptionGroup var confirmation: Confirmation

    @Argument(help: "The interface.", completion: Names.interfaces, transform: { try InterfaceID($0) })
    var uuid: InterfaceID

    func run() async throws {
        try confirmation.ask("Remove interface \(uuid)?")
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).removeInterface(uuid).view)
        }
    }
}
