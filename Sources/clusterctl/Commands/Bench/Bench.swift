import ArgumentParser

struct BenchNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure the live cluster with operations that do nothing.",
        discussion: """
            The operations have a requester of their own and are bounded in number; those left at the end or at an \
            interrupt are cancelled. They stay in the history like all others. A database with live operations is \
            refused unless --on-live-database is given.
            """,
        subcommands: [BenchDrain.self, BenchEnqueue.self, BenchLatency.self, BenchCoalesce.self, BenchPipeline.self]
    )
}
