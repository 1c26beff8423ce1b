import ArgumentParser

struct Op: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Operations: requests for work.",
        subcommands: [
            OpEnqueue.self, OpSubmit.self, OpShow.self, OpExplain.self, OpList.self, OpWait.self, OpCancel.self,
            OpRetry.self,
        ]
    )
}
