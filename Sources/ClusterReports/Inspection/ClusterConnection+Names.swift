import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

/// The words that shells complete; each list is in the order in which it is to be shown.
extension ClusterConnection {
    /// Words of one kind: nobody reads more, and who has typed a beginning is given what fits it.
    private static let mostNames = 10_000
    /// Operations that are offered: a screen of them.
    private static let mostOperations = 30
    /// The characters of a short id: with the time of its making, with the digits after that, and with those of chance.
    private static let shortLengths = [13, 18, 23]

    /// The names of all networks.
    package func networkNames() async throws -> [String] {
        try await read { try NetworkStatements.networks(on: $0).map(\.name.description) }
    }

    /// The names of all nodes.
    package func nodeNames() async throws -> [String] {
        try await read { try NodeStatements.nodes(on: $0).map(\.name.description) }
    }

    /// The ids of interfaces.
    package func interfaceIDs() async throws -> [String] {
        try await read { try InterfaceStatements.names(limit: Self.mostNames, on: $0).map(\.id.description) }
    }

    /// The tasks that can be enqueued.
    package func taskNames() async throws -> [String] {
        let registered = try await read { try TaskStatements.names(limit: Self.mostNames, on: $0) }
        return Set(BuiltInTask.allCases.map(\.name) + registered).sorted().map(\.description)
    }

    /// The queues that the cluster has.
    package func queueNames() async throws -> [String] {
        let nodes = try await read { try NodeStatements.nodes(on: $0) }.map(\.name)
        return QueueName.all(of: nodes).map(\.description)
    }

    /// The patterns of the rules that pause queues.
    package func pausedPatterns() async throws -> [String] {
        try await read { try QueueStatements.pauses(on: $0) }.map(\.pattern)
    }

    /// The names of labels.
    package func labelNames() async throws -> [String] {
        try await read { session in
            var names: [String] = []
            while names.count < Self.mostNames,
                let next = try CompletionStatements.nextLabel(after: names.last ?? "", on: session)
            {
                names.append(next)
            }
            return names
        }
    }

    /// The requesters of the newest operations.
    package func requesters() async throws -> [String] {
        try await read { try CompletionStatements.requesters(on: $0) }
    }

    /// The codes of the errors with which the newest operations have ended.
    package func errorCodes() async throws -> [String] {
        try await read { try CompletionStatements.errorCodes(on: $0) }
    }

    /// The newest operations in some states whose ids begin so, each as short as it is unique.
    package func operationNames(in states: Set<OperationState>, beginning prefix: String) async throws -> [String] {
        var selector = OperationSelector()
        selector.states = states
        let filter = OperationFilter(selector, limit: Self.mostOperations)
        return try await read { session in
            let parts = [
                try OperationListStatements.live(filter, after: nil, on: session),
                try OperationListStatements.ended(filter, after: nil, on: session),
            ]
            let ids = OperationPage(merging: parts, limit: filter.limit).keys.map(\.id)
            return try ids.map(\.description).filter { $0.hasPrefix(prefix) }.map { id in
                let abbreviations = Self.shortLengths.filter { $0 >= prefix.count }.map { String(id.prefix($0)) }
                let short = try abbreviations.first { text in
                    let reference = try OperationReference(text)
                    return try OperationStatements.abbreviated(by: reference, limit: 2, on: session).count == 1
                }
                return short ?? id
            }
        }
    }
}
