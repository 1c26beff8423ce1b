import ArgumentParser

struct QueueNoun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Queues: what waits for whom.",
        subcommands: [QueueList.self, QueueWaits.self, QueuePause.self, QueueResume.self]
    )
}
