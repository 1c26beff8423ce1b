import ClusterModel
import ClusterStore
import MariaDB

/// The number of operations that are selected, by state.
package struct SelectionCount: Sendable, Hashable {
    package var states: [OperationState: Int] = [:]

    package var total: Int { states.values.reduce(0, +) }

    package init() {}
}

extension OperationQueue {
    /// Operations that one transaction cancels or retries: as many as a cascade takes, for which others wait no longer
    /// than for one.
    package static let selectionBatch = Cascade.mostAtOnce
    /// Operations of one page where only their ids are wanted.
    static let selectionPage = 1000

    /// Counts what a selector finds for a purpose, page by page, at a bounded cost each.
    ///
    /// - Parameters:
    ///   - selector: What to count.
    ///   - purpose: What needs nothing more for it is left out.
    ///   - progress: Told the count after each page.
    /// - Returns: The number in each state.
    /// - Throws: `ClusterOpsError`.
    package func count(
        _ selector: OperationSelector,
        for purpose: OperationFilter.Purpose,
        progress: (SelectionCount) -> Void = { _ in }
    ) async throws -> SelectionCount {
        var count = SelectionCount()
        try await eachPage(of: OperationFilter(selector, purpose: purpose, limit: Self.selectionPage)) { page in
            count.states.merge(page.states, uniquingKeysWith: +)
            progress(count)
        }
        return count
    }

    /// One page of what a selector finds.
    struct SelectedPage: Sendable {
        let ids: [OperationID]
        let states: [OperationState: Int]
        let next: OperationPage.Key?
    }

    /// Goes through what a filter finds, newest first; what is enqueued meanwhile is newer, and is not met.
    func eachPage(of filter: OperationFilter, _ body: (SelectedPage) async throws -> Void) async throws {
        var cursor: OperationPage.Key?
        repeat {
            let from = cursor
            let page = try await translatingErrors {
                try await database.withSession { session in
                    let parts = [
                        try OperationListStatements.live(filter, after: from, on: session),
                        try OperationListStatements.ended(filter, after: from, on: session),
                    ]
                    return SelectedPage(parts, limit: filter.limit)
                }
            }
            try await body(page)
            cursor = page.next
        } while cursor != nil
    }
}

extension OperationQueue.SelectedPage {
    /// Of a purpose that looks at one table only, the other part is empty.
    fileprivate init(_ parts: [OperationPage.Part], limit: Int) {
        let page = OperationPage(merging: parts, limit: limit)
        ids = page.keys.map(\.id)
        states = parts.map(\.states).reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
        next = page.next
    }
}
