import ArgumentParser
import ClusterReports

struct QueueList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List queues that hold operations or are paused; counts are exact up to 10,000.",
        discussion: "Example: clusterctl queue list -o json"
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var watching: Watching

    func run() async throws {
        try await watching.print(global) { try await $0.queues() }
    }
}
