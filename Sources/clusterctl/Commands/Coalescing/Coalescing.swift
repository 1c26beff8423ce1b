import ArgumentParser

struct Coalescing: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Evidence that requests for the same work are served together.",
        subcommands: [CoalescingShow.self]
    )
}
