import ClusterEngine
import ClusterModel
import ClusterStore
import MariaDB

extension ClusterConnection {
    /// Operations read in one statement; 1,000 ids are a packet of 40 KB.
    private static let pageSize = 1000

    /// Reads one operation.
    ///
    /// - Throws: `ClusterOpsError` with code `notFound` for an id that is nowhere.
    package func operation(_ id: OperationID) async throws -> OperationView {
        let (views, unreadable) = try await read { session in
            let (found, unreadable) = try OperationStatements.shown([id], on: session)
            return (try Self.views(of: found, on: session), unreadable)
        }
        if let unreadable = unreadable.first {
            throw ClusterOpsError(.internalFailure, "operation '\(id)' cannot be read: \(unreadable.reason)")
        }
        guard let view = views.first else { throw ClusterOpsError(.notFound, "there is no operation '\(id)'") }
        return view
    }

    /// Lists operations, newest first, live and ended ones merged, as they were at one moment.
    ///
    /// - Throws: `ClusterOpsError` with code `notFound` for an `after` that is nowhere.
    package func operations(_ filter: OperationFilter) async throws -> OperationPageView {
        try await snapshot { session in
            let cursor = try filter.after.map { id in
                guard let key = try OperationListStatements.key(of: id, on: session) else {
                    throw ClusterOpsError(.notFound, "there is no operation '\(id)' to go on after")
                }
                return key
            }
            let parts = [
                try OperationListStatements.live(filter, after: cursor, on: session),
                try OperationListStatements.ended(filter, after: cursor, on: session),
            ]
            let page = OperationPage(merging: parts, limit: filter.limit)
            var (operations, unreadable): ([Operation], [UnreadableOperation]) = ([], [])
            _ = try page.keys.map(\.id).inLists { ids in
                let shown = try OperationStatements.shown(ids, on: session)
                operations += shown.operations
                unreadable += shown.unreadable
                return [()]
            }
            operations.sort { ($0.enqueuedAt, $0.id) > ($1.enqueuedAt, $1.id) }
            return OperationPageView(
                items: try Self.views(of: operations, on: session),
                unreadable: unreadable.map { UnreadableOperationView(uuid: $0.id, reason: $0.reason) },
                next: page.next?.id
            )
        }
    }

    /// Waits until operations have ended, or the time is over, outages included; rung by whoever ends them.
    ///
    /// - Parameters:
    ///   - ids: The operations.
    ///   - timeout: How long to wait at most; nil is for ever.
    ///   - watcher: Is told where they stand while they are waited for.
    /// - Returns: Where they stood at the last look, in the order of the ids, and whether all had ended.
    /// - Throws: `ClusterOpsError` with code `notFound` for the first id that is nowhere.
    package func ends(
        of ids: [OperationID],
        timeout: Duration?,
        watcher: EndWatcher? = nil
    ) async throws -> (states: ListView<OperationStateView>, inTime: Bool) {
        let deadline = timeout.map { ContinuousClock.now + $0 }
        var watcher = watcher
        if let patience {
            // The answer that ends the wait may be far away: the first one ends an outage.
            watcher = EndWatcher(pace: watcher?.pace) { [watcher] states in
                patience.answered()
                watcher?.tell(states)
            }
        }
        let (states, inTime) = try await patiently { [watcher] in
            try await queue.ends(of: ids, timeout: deadline.map { $0 - .now }, watcher: watcher)
        }
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
            let ended = page.filter { $0.state.isTerminal && $0.state != .complete }.map(\.id)
            let retries = try RetryStatements.retries(ofAll: ended, on: session)
            // An ended follower has its primary's times in its own row.
            let primaryIDs = Set(page.filter { $0.state == .folded }.compactMap(\.foldedInto))
            let primaries = try OperationStatements.shown(Array(primaryIDs), on: session).operations
            views += page.map { operation in
                OperationView(
                    operation,
                    primary: primaries.first { $0.id == operation.foldedInto },
                    followers: followers[operation.id] ?? [],
                    adoptions: adoptions[operation.id] ?? [],
                    retriedAs: retries[operation.id],
                    now: now
                )
            }
        }
        return views
    }
}
