import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NetworkSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change a network; options that are not given stay as they are.",
        discussion: "Example: clusterctl network set blue --mtu 1400 --no-domain"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Argument(help: "The network's name.", completion: Names.networks, transform: { try NetworkName($0) })
    var name: NetworkName

    @Option(help: "The MTU; guests learn it when they renew their lease.", transform: { try MTU($0) })
    var mtu: MTU?

    @Option(help: "The DNS domain of the guests.", transform: { try DomainName($0) })
    var domain: DomainName?

    @Flag(help: "Remove the DNS domain.")
    var noDomain = false

    @Flag(inversion: .prefixedNo, exclusivity: .exclusive, help: "Serve DHCP.")
    var dhcp: Bool?

    @Flag(inversion: .prefixedNo, exclusivity: .exclusive, help: "Serve DNS.")
    var dns: Bool?

    @Flag(
        inversion: .prefixedNo,
        exclusivity: .exclusive,
        help: "Give guests egress by NAT, under an external address of the network."
    )
    var nat: Bool?

    @Flag(
        inversion: .prefixedNo,
        exclusivity: .exclusive,
        help: "Give guests a default route by DHCP. Default as it is; a change of NAT changes it too."
    )
    var gateway: Bool?

    @Flag(
        inversion: .prefixedNo,
        exclusivity: .exclusive,
        help: "Let guests use only the addresses of their interfaces."
    )
    var portSecurity: Bool?

    func validate() throws {
        guard !noDomain || domain == nil else { throw ValidationError("--domain and --no-domain exclude each other") }
        guard change != NetworkChange() else {
            throw ValidationError(
                "say what to change: --mtu, --domain, --no-domain, --[no-]dhcp, --[no-]dns, --[no-]nat, "
                    + "--[no-]gateway or --[no-]port-security"
            )
        }
    }

    private var change: NetworkChange {
        let newDomain = noDomain ? NetworkChange.Domain.none : domain.map { .name($0) }
        return NetworkChange(
            mtu: mtu,
            domain: newDomain,
            dhcp: dhcp,
            dns: dns,
            nat: nat,
            portSecurity: portSecurity,
            gateway: gateway
        )
    }

    func run() async throws {
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).changeNetwork(name, change).view)
        }
    }
}
