import ArgumentParser

struct Leader: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leader",
        abstract: "The elected network node.",
        subcommands: [LeaderShow.self, LeaderResign.self]
    )
}
