import ArgumentParser

struct Db: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The schema of the database.",
        subcommands: [DbMigrate.self, DbStatus.self]
    )
}
