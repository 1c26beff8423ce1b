import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct InterfaceUnfloat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unfloat",
        abstract: "Take back an interface's floating IP; connections under it end.",
        discussion: "Example: clusterctl interface unfloat 0190163d-8694-739b-aea5-966c26f8ad91"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Argument(help: "The interface.", completion: Names.interfaces, transform: { try InterfaceID($0) })
    var uuid: InterfaceID

    func run() async throws {
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).unfloatInterface(uuid).view)
        }
    }
}
