import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

struct OpRetry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Retry operations that ended without completing, as new operations.",
        discussion: """
            Example: clusterctl op retry 0190163d-8694-739b-aea5-966c26f8ad01
            Name operations, or select all failed ones that have some properties: clusterctl op retry --task backup \
            --since 1d --with-dependents. An operation is retried once; of those that are selected, the ones that were \
            retried before are left alone. What is selected is retried in batches; a command that was interrupted can \
            be repeated.
            """
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup(title: "Selection") var selection: Selection

    @Flag(help: "Retry the operations too that were aborted because these did not complete.")
    var withDependents = false

    @Flag(help: "Drop the dependencies of the old operations.")
    var ignoreDependencies = false

    @Flag(help: "Retry named operations again that were retried before.")
    var force = false

    @Flag(help: "Count what is selected, and change nothing.")
    var dryRun = false

    @Argument(
        help: "The operations that ended; an id may be abbreviated.",
        completion: Names.failedOperations,
        transform: { try OperationReference($0) }
    )
    var uuids: [OperationReference] = []

    /// The states in which an operation can be retried.
    private static let states = OperationSelector().endedStates.subtracting([.complete])

    func validate() throws {
        try selection.require(insteadOf: uuids, among: Self.states)
        if dryRun, !uuids.isEmpty { throw ValidationError("--dry-run counts what is selected, not what is named") }
        if force, uuids.isEmpty { throw ValidationError("--force is for operations that are named") }
        if withDependents, ignoreDependencies {
            throw ValidationError("--with-dependents keeps the order that --ignore-dependencies drops")
        }
    }

    func run() async throws {
        var options = RetryOptions()
        options.withDependents = withDependents
        options.ignoresDependencies = ignoreDependencies
        options.repeats = force
        try await global.withCluster { [options] cluster in
            if uuids.isEmpty { return try await retrySelected(options, on: cluster) }
            let ids = try await cluster.operations(named: uuids)
            if let id = ids.first, ids.count == 1, !withDependents { return try await retry(id, on: cluster) }
            let progress = BulkProgress()
            let done = try await cluster.queue.retryAll(ids, options) { progress.show($0.text) }
            progress.clear()
            try answer(BulkRetryView(matched: Set(ids).count, states: nil, done))
        }
    }

    private func retry(_ id: OperationID, on cluster: ClusterConnection) async throws {
        let receipt = try await cluster.queue.retry(
            id,
            ignoringDependencies: ignoreDependencies,
            repeating: force
        )
        try global.print(RetryView(receipt, retryOf: id))
    }

    private func retrySelected(_ options: RetryOptions, on cluster: ClusterConnection) async throws {
        let selector = selection.selector
        let progress = BulkProgress()
        let count = try await cluster.queue.count(selector, for: .retry) { progress.show("\($0.total) found") }
        progress.clear()
        if count.total == 0 { try await cluster.requireKnown(selector) }
        let states = count.view(of: Self.states)
        if dryRun {
            let dependents = withDependents ? try await cluster.queue.countDependents(of: selector) : 0
            return try global.print(BulkRetryView(counting: count, states: states, dependents: dependents))
        }
        let done = try await cluster.queue.retryAll(selector, options) { progress.show($0.text) }
        progress.clear()
        try answer(BulkRetryView(matched: count.total, states: states, done))
    }

    /// Prints what was done; that something could not be is a failure, after the answer.
    private func answer(_ view: BulkRetryView) throws {
        try global.print(view)
        for refusal in view.refusals { Talk.say(refusal.reason) }
        guard view.refused > 0 else { return }
        throw Failure(.failed, "\(view.refused) operations were not retried")
    }
}

extension BulkRetry {
    fileprivate var text: String { "\(retried) retried, \(dependents) dependents, \(refused) refused" }
}
