import ArgumentParser

struct Coalescing: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Inspect how requests for the same work were coalesced.",
        subcommands: [CoalescingShow.self]
    )
}
