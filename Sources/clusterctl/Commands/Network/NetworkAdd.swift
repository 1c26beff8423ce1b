import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NetworkAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add a network for guests.",
        discussion: "Example: clusterctl network add blue --vni 100 --cidr 10.1.0.0/24 --domain example.net"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Argument(help: "The network's name.", transform: { try NetworkName($0) })
    var name: NetworkName

    @Option(help: "The VXLAN network identifier, 1 to 16777215.", transform: { try VNI($0) })
    var vni: VNI

    @Option(
        help: "The IPv4 addresses, such as 10.1.0.0/24; the first is the server's and the gateway's.",
        transform: { try CIDR($0) }
    )
    var cidr: CIDR

    @Option(
        help: "The MTU, \(NetworkDraft.leastMTU) to \(MTU.range.upperBound); default \(NetworkDraft.defaultMTU).",
        transform: { try MTU($0) }
    )
    var mtu: MTU?

    @Option(help: "The DNS domain of the guests.", transform: { try DomainName($0) })
    var domain: DomainName?

    @Flag(help: "Serve no DHCP.")
    var noDhcp = false

    @Flag(help: "Serve no DNS.")
    var noDns = false

    @Flag(help: "Give guests egress by NAT, under an external address of the network.")
    var nat = false

    @Flag(
        inversion: .prefixedNo,
        exclusivity: .exclusive,
        help: "Give guests a default route by DHCP. Default with --nat only."
    )
    var gateway: Bool?

    @Flag(
        inversion: .prefixedNo,
        exclusivity: .exclusive,
        help: "Let guests use only the addresses of their interfaces."
    )
    var portSecurity = true

    func run() async throws {
        let draft = NetworkDraft(
            name: name,
            vni: vni,
            cidr: cidr,
            mtu: try mtu ?? MTU(NetworkDraft.defaultMTU),
            domain: domain,
            dhcp: !noDhcp,
            dns: !noDns,
            nat: nat,
            portSecurity: portSecurity,
            gateway: gateway
        )
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).addNetwork(draft).view)
        }
    }
}
