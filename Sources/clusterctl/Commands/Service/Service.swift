import ArgumentParser

struct Service: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service",
        abstract: "Services: the processes that nodes supervise.",
        subcommands: [ServiceList.self]
    )
}
