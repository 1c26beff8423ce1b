import ArgumentParser
import ClusterReports

struct DbStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the version of the schema and the one that this program needs.",
        discussion: "Example: clusterctl db status"
    )

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let schema = try await global.withAnyDatabase { try await $0.schema() }
        try global.print(schema)
    }
}
