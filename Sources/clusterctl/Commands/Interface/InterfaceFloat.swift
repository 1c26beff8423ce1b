import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct InterfaceFloat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "float",
        abstract: "Gives a guest's interface a floating address: it is reached under it from outside, and seen there.",
        discussion: "Example: clusterctl interface float 0190163d-8694-739b-aea5-966c26f8ad91"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Argument(help: "The interface.", transform: { try InterfaceID($0) })
    var uuid: InterfaceID

    @Option(help: "Which external address; default any that is free.", transform: { try IPv4Address($0) })
    var address: IPv4Address?

    func run() async throws {
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).floatInterface(uuid, address).view)
        }
    }
}
