import ArgumentParser

struct External: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "external",
        abstract: "The network outside, to which networks with NAT lead.",
        subcommands: [ExternalSet.self, ExternalShow.self, ExternalRemove.self]
    )
}
