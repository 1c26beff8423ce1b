import ArgumentParser
import ClusterModel
import ClusterReports

struct OpExplain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain why an operation has not run, or how it ended.",
        discussion: "Example: clusterctl op explain 0190163d-8694-739b-aea5-966c26f8ad01"
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
            try global.print(try await cluster.explanation(of: id))
        }
    }
}
