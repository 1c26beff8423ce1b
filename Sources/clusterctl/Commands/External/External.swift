import ArgumentParser

struct External: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "external",
        abstract: "Set, show and remove the external network, for NAT and floating IPs.",
        subcommands: [ExternalSet.self, ExternalShow.self, ExternalRemove.self]
    )
}
