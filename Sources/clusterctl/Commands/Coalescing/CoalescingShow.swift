import ArgumentParser
import ClusterReports

struct CoalescingShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show for each task how many requests were deduplicated, folded and executed.",
        discussion: "Example: clusterctl coalescing show"
    )

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.withCluster { try global.print(try await $0.coalescing()) }
    }
}
