import ArgumentParser
import ClusterReports

struct DbMigrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Migrate the schema to this program's version; do nothing if it is there.",
        discussion: """
            Programs of the version at which the schema is work on as long as all steps are additive. With --check the \
            exit code is 0 if they do, and 4 if a step would stop them.

            Example: clusterctl db migrate --check
            """
    )

    @OptionGroup var global: GlobalOptions

    @Flag(help: "Print what would be done, and whether programs that run now work on after it; do nothing.")
    var check = false

    func run() async throws {
        guard check else {
            return try global.print(try await global.withAnyDatabase { try await $0.migrate() })
        }
        let plan = try await global.withAnyDatabase { try await $0.migrationPlan() }
        try global.print(plan)
        guard plan.programsWorkOn else {
            throw Failure(
                .conflict,
                "programs of version \(plan.version) do not work with the schema after it: stop them first"
            )
        }
    }
}
