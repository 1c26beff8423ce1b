import ArgumentParser
import ClusterReports

struct DbStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Tells the version of the schema and of this program.",
        discussion: "Example: clusterctl db status"
    )

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let schema = try await global.withAnyDatabase { try await $0.schema() }
        try global.print(schema)
    }
}
