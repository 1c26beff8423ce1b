import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct InterfaceFloat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "float",
        abstract: "Assign a floating IP to an interface, for inbound and outbound traffic.",
        discussion: "Example: clusterctl interface float 0190163d-8694-739b-aea5-966c26f8ad91"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Argument(help: "The interface.", transform: { try InterfaceID($0) })
    var uuid: InterfaceID

    @Option(help: "The external address; default the lowest that is free.", transform: { try IPv4Address($0) })
    var address: IPv4Address?

    func run() async throws {
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).floatInterface(uuid, address).view)
        }
    }
}
