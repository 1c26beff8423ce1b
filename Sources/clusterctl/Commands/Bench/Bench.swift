import ArgumentParser

struct BenchNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures the cluster as it stands, with operations that do nothing.",
        discussion: """
            Its operations have a requester of their own, and their number is bounded; what is left of them is cancelled also \
            when it is interrupted. They stay in the history as all others do. A database that holds live operations is left alone \
            unless --on-live-database says otherwise.
            """,
        subcommands: [BenchDrain.self, BenchEnqueue.self, BenchLatency.self, BenchCoalesce.self, BenchPipeline.self]
    )
}
