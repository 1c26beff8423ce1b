import ArgumentParser
import ClusterModel
import ClusterReports

struct OpShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show all that is known of an operation.",
        discussion: "Example: clusterctl op show 0190163d-8694-739b-aea5-966c26f8ad01"
    )

    @OptionGroup var global: GlobalOptions

    @Argument(
        help: "The operation; its id may be abbreviated.",
        completion: Names.operations,
        transform: { try OperationReference($0) }
    )
    var uuid: OperationReference

    func run() async throws {
        try await global.withCluster { cluster in
            let id = try await cluster.operation(named: uuid)
            try global.print(try await cluster.operation(id))
        }
    }
}
