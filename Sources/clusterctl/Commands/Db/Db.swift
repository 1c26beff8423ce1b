import ArgumentParser

struct Db: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The schema of the database, and its users.",
        subcommands: [DbMigrate.self, DbStatus.self, DbGrants.self]
    )
}
