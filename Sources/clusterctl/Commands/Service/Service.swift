import ArgumentParser

struct Service: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service",
        abstract: "Inspect the processes that nodes supervise.",
        subcommands: [ServiceList.self]
    )
}
