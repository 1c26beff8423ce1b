import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct InterfaceFloat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "float",
        abstract: "Assign a floating IP to an interface, for inbound and outbound traffic.",
        discussion: """
            Example: clusterctl interface float 0190163d-8694-739b-aea5-966c26f8ad91 --port tcp/80 --port tcp/443

            For an interface that has a floating IP, change the ports that lead to the guest.
            """
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Argument(help: "The interface.", completion: Names.interfaces, transform: { try InterfaceID($0) })
    var uuid: InterfaceID

    @Option(help: "The external address; default the lowest that is free.", transform: { try IPv4Address($0) })
    var address: IPv4Address?

    @Option(
        name: .customLong("port"),
        help: "A port that leads to the guest, such as tcp/80; repeatable. Default all, and pings.",
        transform: { try FloatingPort($0) }
    )
    var ports: [FloatingPort] = []

    @Flag(help: "Let all ports lead to the guest again.")
    var allPorts = false

    func validate() throws {
        guard !allPorts || ports.isEmpty else { throw ValidationError("--port and --all-ports exclude each other") }
    }

    func run() async throws {
        let list = ports.isEmpty && !allPorts ? nil : Set(ports)
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).floatInterface(uuid, address, ports: list).view)
        }
    }
}
