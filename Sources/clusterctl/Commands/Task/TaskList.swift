import ArgumentParser
import ClusterReports

struct TaskList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the tasks that can be enqueued: what each needs, its limits, and the nodes that run it now.",
        discussion: """
            Example: clusterctl task list
            A task without nodes can be enqueued; it waits until a node runs it. A problem is why a node cannot run \
            it, or that nodes define it differently: the most careful definition counts then.
            """
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var watching: Watching

    func run() async throws {
        try await watching.print(global) { try await $0.tasks() }
    }
}
