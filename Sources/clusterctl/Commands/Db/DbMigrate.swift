import ArgumentParser
import ClusterReports

struct DbMigrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Brings the schema to this program's version; repeating it does nothing.",
        discussion: "Example: clusterctl db migrate"
    )

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let schema = try await global.withAnyDatabase { try await $0.migrate() }
        try global.print(schema)
    }
}
