import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct OpCancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel an operation for all who requested it; a running one is interrupted by its worker.",
        discussion: "Example: clusterctl op cancel 0190163d-8694-739b-aea5-966c26f8ad01"
    )

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The operation.", transform: { try OperationID($0) })
    var uuid: OperationID

    func run() async throws {
        let answer = CancelView(try await global.withCluster { try await $0.queue.cancel(uuid) })
        try global.print(answer)
        if answer.requests > 1 {
            Talk.say(
                "operation \(uuid) was to serve \(answer.requests) requests of \(answer.requesters) requesters: "
                    + "it is cancelled for all of them"
            )
        }
        if answer.dependentsLeft > 0 {
            let isCapped = answer.dependentsLeft >= Cancellation.mostCounted
            Talk.say(
                "\(answer.dependentsLeft)\(isCapped ? " or more" : "") operations still wait for it, or for what ended with it: "
                    + "workers go on with them, batch by batch"
            )
        }
        if answer.state == .executing {
            Talk.say("operation \(uuid) runs: its worker is told to end it; see 'clusterctl op wait \(uuid)'")
        }
    }
}
