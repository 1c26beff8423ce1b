import ArgumentParser

struct Leader: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leader",
        abstract: "Show the elected network node or make it resign.",
        subcommands: [LeaderShow.self, LeaderResign.self]
    )
}
