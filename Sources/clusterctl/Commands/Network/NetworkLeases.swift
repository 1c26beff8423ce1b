import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct NetworkLeases: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leases",
        abstract: "List the DHCP leases that the guests of a network hold.",
        discussion: """
            Example: clusterctl network leases blue
            The elected node writes leases down a few seconds after it has given them. A lease stays in the list until \
            it ends or is given back, also while another node is elected. While the database was away, renewals are \
            missing that came meanwhile.
            """
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var watching: Watching

    @Argument(help: "The network's name.", completion: Names.networks, transform: { try NetworkName($0) })
    var name: NetworkName

    func run() async throws {
        try await watching.print(global) { try await Inventory($0).leases(of: name).view }
    }
}
