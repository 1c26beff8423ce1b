import MariaDB

extension ClusterConnection {
    /// Operations read in one statement; 1,000 ids are a packet of 40 KB.
    private static let pageSize = 1000

    /// Reads one operation.
    ///
    /// - Throws: `ClusterOpsError` with code `notFound` for an id that is nowhere.
    package func operation(_ id: OperationID) async throws -> OperationView {
        let views = try await read { session in
            try Self.views(of: try OperationStatements.operations([id], on: session), on: session)
        }
        guard let view = views.first else { throw ClusterOpsError(.notFound, "there is no operation '\(id)'") }
        return view
    }

    /// Lists operations, newest first.
    package func operations(_ filter: OperationStatements.Filter) async throws -> ListView<OperationView> {
        ListView(
            try await read { session in
                try Self.views(of: try OperationStatements.list(filter, on: session), on: session)
            }
        )
    }

    /// Waits until operations have ended, or the time is over; rung by whoever ends them.
    ///
    /// - Returns: Where they stood at the last look, in the order of the ids, and whether all had ended.
    /// - Throws: `ClusterOpsError` with code `notFound` for the first id that is nowhere.
    package func ends(
        of ids: [OperationID],
        timeout: Duration?
    ) async throws -> (states: ListView<OperationStateView>, inTime: Bool) {
        let (states, inTime) = try await queue.ends(of: ids, timeout: timeout)
        let views = ids.compactMap { id in states[id].map { OperationStateView(uuid: id, state: $0) } }
        return (ListView(views), inTime)
    }

    private static func views(of operations: [Operation], on session: borrowing Session) throws -> [OperationView] {
        let now = try OperationStatements.now(on: session)
        var views: [OperationView] = []
        var rest = operations[...]
        while !rest.isEmpty {
            let page = rest.prefix(pageSize)
            rest = rest.dropFirst(pageSize)
            let ids = page.map(\.id)
            let followers = try OperationStatements.followers(ofAll: ids, on: session)
            let adoptions = try OperationStatements.adoptions(ofAll: ids, on: session)
            // An ended follower has its survivor's times in its own row.
            let survivorIDs = Set(page.filter { $0.state == .folded }.compactMap(\.foldedInto))
            let survivors = try OperationStatements.operations(Array(survivorIDs), on: session)
            views += page.map { operation in
                OperationView(
                    operation,
                    survivor: survivors.first { $0.id == operation.foldedInto },
                    followers: followers[operation.id] ?? [],
                    adoptions: adoptions[operation.id] ?? [],
                    now: now
                )
            }
        }
        return views
    }
}
