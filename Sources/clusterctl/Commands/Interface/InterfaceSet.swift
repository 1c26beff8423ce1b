import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct InterfaceSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change an interface or move it to another node; options that are not given stay as they are.",
        discussion: "Example: clusterctl interface set 0190163d-8694-739b-aea5-966c26f8ad91 --node h2"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Argument(help: "The interface.", completion: Names.interfaces, transform: { try InterfaceID($0) })
    var uuid: InterfaceID

    @Option(help: "The node that hosts the guest.", completion: Names.nodes, transform: { try NodeName($0) })
    var node: NodeName?

    @Option(help: "The MAC address.", transform: { try MACAddress($0) })
    var mac: MACAddress?

    @Option(help: "The IPv4 address in the network.", transform: { try IPv4Address($0) })
    var address: IPv4Address?

    @Option(
        parsing: .unconditional,
        help: "The guest's host name in the network.",
        transform: { try HostName($0) }
    )
    var hostname: HostName?

    @Option(
        name: .customLong("allow-address"),
        help: "Let the guest use an address or range besides its own, such as 10.1.0.7; may be repeated.",
        transform: { try IPv4CIDR($0) }
    )
    var allowedAddresses: [IPv4CIDR] = []

    @Flag(help: "Take back all allowed addresses but those that --allow-address gives.")
    var clearAllowedAddresses = false

    func validate() throws {
        guard change != InterfaceChange() else {
            throw ValidationError(
                "say what to change: --node, --mac, --address, --hostname, --allow-address or "
                    + "--clear-allowed-addresses"
            )
        }
    }

    private var change: InterfaceChange {
        InterfaceChange(
            node: node,
            mac: mac,
            address: address,
            hostname: hostname,
            clearsAllowedAddresses: clearAllowedAddresses,
            addedAllowedAddresses: Set(allowedAddresses)
        )
    }

    func run() async throws {
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).changeInterface(uuid, change).view)
        }
    }
}
