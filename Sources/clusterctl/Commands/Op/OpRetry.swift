import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct OpRetry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Retry an operation that ended without completing, as a new operation.",
        discussion: "Example: clusterctl op retry 0190163d-8694-739b-aea5-966c26f8ad01"
    )

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The operation that ended.", transform: { try OperationID($0) })
    var uuid: OperationID

    @Flag(help: "Drop the dependencies of the old operation.")
    var ignoreDependencies = false

    func run() async throws {
        try await global.withCluster { cluster in
            let receipt = try await cluster.queue.retry(uuid, ignoringDependencies: ignoreDependencies)
            try global.print(RetryView(receipt, retryOf: uuid))
        }
    }
}
