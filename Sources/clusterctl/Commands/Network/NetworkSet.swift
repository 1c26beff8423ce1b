import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NetworkSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Changes a network; what is not named stays as it is.",
        discussion: "Example: clusterctl network set blue --mtu 1400 --no-domain"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var application: Application

    @Argument(help: "The network's name.", transform: { try NetworkName($0) })
    var name: NetworkName

    @Option(help: "The largest packet it carries; guests hear of it when they renew.", transform: { try MTU($0) })
    var mtu: MTU?

    @Option(help: "The domain of its guests' names.", transform: { try DomainName($0) })
    var domain: DomainName?

    @Flag(help: "Its guests' names have no domain.")
    var noDomain = false

    @Flag(inversion: .prefixedNo, exclusivity: .exclusive, help: "Hand out addresses.")
    var dhcp: Bool?

    @Flag(inversion: .prefixedNo, exclusivity: .exclusive, help: "Resolve names.")
    var dns: Bool?

    @Flag(
        inversion: .prefixedNo,
        exclusivity: .exclusive,
        help: "Give its guests a way out, under an external address of the network."
    )
    var nat: Bool?

    func validate() throws {
        guard !noDomain || domain == nil else { throw ValidationError("--domain and --no-domain exclude each other") }
        guard change != NetworkChange() else {
            throw ValidationError(
                "say what to change: --mtu, --domain, --no-domain, --[no-]dhcp, --[no-]dns or --[no-]nat"
            )
        }
    }

    private var change: NetworkChange {
        let newDomain = noDomain ? NetworkChange.Domain.none : domain.map { .name($0) }
        return NetworkChange(mtu: mtu, domain: newDomain, dhcp: dhcp, dns: dns, nat: nat)
    }

    func run() async throws {
        try await global.withCluster { cluster in
            try global.print(try await application.inventory(cluster).changeNetwork(name, change).view)
        }
    }
}
