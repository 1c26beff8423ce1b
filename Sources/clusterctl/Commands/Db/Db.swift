import ArgumentParser

struct Db: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Migrate the schema and print the grants of database users.",
        subcommands: [DbMigrate.self, DbStatus.self, DbGrants.self]
    )
}
