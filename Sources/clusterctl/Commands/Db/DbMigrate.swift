import ArgumentParser
import ClusterReports

struct DbMigrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Migrate the schema to this program's version; do nothing if it is there.",
        discussion: "Example: clusterctl db migrate"
    )

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let schema = try await global.withAnyDatabase { try await $0.migrate() }
        try global.print(schema)
    }
}
