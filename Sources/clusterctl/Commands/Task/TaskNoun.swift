import ArgumentParser

struct TaskNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "task",
        abstract: "Inspect the tasks that can be enqueued.",
        subcommands: [TaskList.self]
    )
}
