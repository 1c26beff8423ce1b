import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

extension ClusterConnection {
    /// Operations that an ambiguous abbreviation is told with.
    private static let mostNamed = 5

    /// Finds the operations that people name, in the order of the names.
    ///
    /// A whole id is taken as it is, known or not.
    /// - Throws: `ClusterOpsError`, with code `notFound` for an abbreviation of none, and `invalid` for one of several.
    package func operations(named references: [OperationReference]) async throws -> [OperationID] {
        if references.allSatisfy({ $0.id != nil }) { return references.compactMap(\.id) }
        return try await read { session in
            try references.map { reference in
                if let id = reference.id { return id }
                let found = try OperationStatements.abbreviated(
                    by: reference,
                    limit: Self.mostNamed + 1,
                    on: session
                )
                guard let id = found.first else {
                    throw ClusterOpsError(.notFound, "there is no operation whose id begins with '\(reference)'")
                }
                guard found.count == 1 else {
                    let names = found.prefix(Self.mostNamed).map(\.description).joined(separator: ", ")
                    let more = found.count > Self.mostNamed ? " and others" : ""
                    throw ClusterOpsError(
                        .invalid,
                        "several operations have an id that begins with '\(reference)': \(names)\(more); "
                            + "give more of it"
                    )
                }
                return id
            }
        }
    }

    /// Finds the operation that somebody names; see ``operations(named:)``.
    package func operation(named reference: OperationReference) async throws -> OperationID {
        try await operations(named: [reference])[0]
    }

    /// Refuses a selector that names what is not there; asked where nothing was found, because ended operations may
    /// name what was removed since.
    ///
    /// - Throws: `ClusterOpsError`, with code `notFound` for a node or a network, and `invalid` for a task.
    package func requireKnown(_ selector: OperationSelector) async throws {
        try await read { session in
            if let node = selector.node, try TopologyStatements.nodeID(node, on: session) == nil {
                throw ClusterOpsError(.notFound, "there is no node '\(node)', and no operation of one")
            }
            if let network = selector.network, try TopologyStatements.networkID(network, on: session) == nil {
                throw ClusterOpsError(.notFound, "there is no network '\(network)', and no operation of one")
            }
            let builtIn = Set(BuiltInTask.allCases.map(\.name))
            let registered = try TaskStatements.registrations(
                selector.tasks.subtracting(builtIn).sorted(),
                on: session
            ).map(\.name)
            if let task = selector.tasks.subtracting(builtIn).subtracting(registered).min() {
                throw ClusterOpsError(
                    .invalid,
                    "unknown task '\(task)': no worker has registered it, it is not built in, and no operation has it"
                )
            }
        }
    }
}
