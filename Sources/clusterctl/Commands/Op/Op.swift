import ArgumentParser

struct Op: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Enqueue, inspect, cancel and retry operations.",
        subcommands: [
            OpEnqueue.self, OpSubmit.self, OpShow.self, OpLogs.self, OpExplain.self, OpList.self, OpWait.self,
            OpCancel.self, OpRetry.self,
        ]
    )
}
