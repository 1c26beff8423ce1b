import ArgumentParser
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports

struct OpCancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel operations for all who requested them; a running one is interrupted by its worker.",
        discussion: """
            Example: clusterctl op cancel 0190163d-8694-739b-aea5-966c26f8ad01
            Name operations, or select all live ones that have some properties: clusterctl op cancel --queue 'h1-*' \
            --dry-run. What is selected is cancelled in batches; a command that was interrupted can be repeated.
            """
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup(title: "Selection") var selection: Selection

    @OptionGroup var confirmation: Confirmation

    @Flag(help: "Count what is selected, and change nothing.")
    var dryRun = false

    @Argument(
        help: "The operations; an id may be abbreviated.",
        completion: Names.liveOperations,
        transform: { try OperationReference($0) }
    )
    var uuids: [OperationReference] = []

    func validate() throws {
        try selection.require(insteadOf: uuids, among: OperationSelector().liveStates)
        if dryRun, !uuids.isEmpty { throw ValidationError("--dry-run counts what is selected, not what is named") }
    }

    func run() async throws {
        try await global.withCluster { cluster in
            if uuids.isEmpty { return try await cancelSelected(on: cluster) }
            let ids = try await cluster.operations(named: uuids)
            if let id = ids.first, ids.count == 1 {
                return try global.print(report(try await cluster.queue.cancel(id)))
            }
            var views: [CancelView] = []
            do {
                for id in ids { views.append(report(try await cluster.queue.cancel(id))) }
            } catch {
                // What was cancelled before is told all the same.
                try global.print(ListView(views))
                throw error
            }
            try global.print(ListView(views))
        }
    }

    /// Says what the answer does not tell by itself.
    private func report(_ cancellation: Cancellation) -> CancelView {
        let answer = CancelView(cancellation)
        if answer.requests > 1 {
            Talk.say(
                "operation \(answer.uuid) was to serve \(answer.requests) requests of \(answer.requesters) requesters: "
                    + "it is cancelled for all of them"
            )
        }
        if answer.dependentsLeft > 0 {
            let isCapped = answer.dependentsLeft >= Cancellation.mostCounted
            Talk.say(
                "\(answer.dependentsLeft)\(isCapped ? " or more" : "") operations still wait for it, or for what ended "
                    + "with it: workers go on with them, batch by batch"
            )
        }
        if answer.state == .executing {
            Talk.say(
                "operation \(answer.uuid) runs: its worker is told to end it; see 'clusterctl op wait \(answer.uuid)'"
            )
        }
        return answer
    }

    private func cancelSelected(on cluster: ClusterConnection) async throws {
        let selector = selection.selector
        let progress = BulkProgress()
        let count = try await cluster.queue.count(selector, for: .cancel) { progress.show("\($0.total) found") }
        progress.clear()
        if count.total == 0 { try await cluster.requireKnown(selector) }
        guard !dryRun, count.total > 0 else { return try global.print(BulkCancelView(count, dryRun ? nil : .init())) }
        try confirmation.ask("Cancel \(count.total) operations (\(count.text))?")
        let done = try await cluster.queue.cancelAll(selector) { done in
            progress.show("\(done.requested) of \(count.total) cancelled, \(done.aborted) dependents aborted")
        }
        progress.clear()
        try global.print(BulkCancelView(count, done))
        if done.interrupted > 0 { Talk.say("\(done.interrupted) operations run: their workers are told to end them") }
        if done.unfinished > 0 {
            Talk.say("dependents of \(done.unfinished) operations are left: workers go on with them, batch by batch")
        }
    }
}
