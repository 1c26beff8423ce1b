import ArgumentParser

struct QueueNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Inspect, pause and resume queues.",
        subcommands: [QueueList.self, QueueWaits.self, QueuePause.self, QueueResume.self]
    )
}
