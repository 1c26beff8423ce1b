import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct InterfaceAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add a guest's interface to a network.",
        discussion:
            "Example: clusterctl interface add blue --node h1 --mac 52:54:00:00:00:0a --address 10.1.0.5 --hostname web1"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Argument(help: "The network.", completion: Names.networks, transform: { try NetworkName($0) })
    var network: NetworkName

    @Option(help: "The node that hosts the guest.", completion: Names.nodes, transform: { try NodeName($0) })
    var node: NodeName

    @Option(help: "The MAC address.", transform: { try MACAddress($0) })
    var mac: MACAddress

    @Option(help: "The IPv4 address in the network.", transform: { try IPv4Address($0) })
    var address: IPv4Address

    @Option(
        parsing: .unconditional,
        help: "The guest's host name in the network.",
        transform: { try HostName($0) }
    )
    var hostname: HostName

    @Option(
        name: .customLong("allow-address"),
        help: "An address or range that the guest may use besides its own, such as 10.1.0.7; may be repeated.",
        transform: { try IPv4CIDR($0) }
    )
    var allowedAddresses: [IPv4CIDR] = []

    func run() async throws {
        let draft = InterfaceDraft(
            network: network,
            node: node,
            mac: mac,
            address: address,
            hostname: hostname,
            allowedAddresses: Set(allowedAddresses)
        )
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).addInterface(draft).view)
        }
    }
}
