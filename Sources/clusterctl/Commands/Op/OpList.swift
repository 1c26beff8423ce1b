import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports
import ClusterStore

struct OpList: AsyncParsableCommand {
    /// The most operations that a person or a script reads at once; the whole history is no list.
    private static let mostListed = 10_000

    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List live and ended operations, newest first.",
        discussion: """
            Example: clusterctl op list --state error --since 1d
            A list that has more names the operation to continue after. A page examines the newest \
            \(OperationListStatements.mostExamined.ended) ended operations, or \
            \(OperationListStatements.mostExamined.endedRows) where it selects by task, requester or error, so a rare \
            one may be on a later page.
            """
    )

    @OptionGroup var global: GlobalOptions

    @OptionGroup var watching: Watching

    @OptionGroup(title: "Selection") var selection: Selection

    @Option(help: "The most operations to list, 1 to 10000.")
    var limit = 100

    @Option(
        help: "Continue after this operation, with which an earlier list stopped.",
        completion: Names.operations,
        transform: { try OperationReference($0) }
    )
    var after: OperationReference?

    func validate() throws {
        guard (1...Self.mostListed).contains(limit) else {
            throw ValidationError("--limit: expected 1 to \(Self.mostListed), found \(limit)")
        }
    }

    func run() async throws {
        if watching.watch { return try await watching.print(global) { try await list(from: $0) } }
        let page = try await global.withCluster { try await list(from: $0) }
        try global.print(page)
        for operation in page.unreadable {
            Talk.say("operation \(operation.uuid) cannot be read: \(operation.reason)")
        }
        if let next = page.next { Talk.say("there may be more: go on with --after \(next)") }
    }

    private func list(from cluster: ClusterConnection) async throws -> OperationPageView {
        var filter = OperationFilter(selection.selector, limit: limit)
        if let after { filter.after = try await cluster.operation(named: after) }
        let page = try await cluster.operations(filter)
        if page.items.isEmpty, page.unreadable.isEmpty, page.next == nil, after == nil {
            try await cluster.requireKnown(selection.selector)
        }
        return page
    }
}
