import DatabaseTime

/// A page of the operations that are selected.
package struct OperationFilter: Sendable {
    package var selector: OperationSelector
    /// The purpose of the list; what needs nothing more for it is left out.
    package var purpose: Purpose
    /// Only those older than this one.
    package var after: OperationID?
    /// The largest number of operations to list.
    package var limit: Int

    /// The purpose of a list of operations.
    package enum Purpose: Sendable, Hashable {
        /// All are shown.
        case show
        /// Those whose end nobody has asked for yet.
        case cancel
        /// Those that ended without completing and have not been retried.
        case retry
    }

    package init(
        _ selector: OperationSelector = OperationSelector(),
        purpose: Purpose = .show,
        after: OperationID? = nil,
        limit: Int = 100
    ) {
        self.selector = selector
        self.purpose = purpose
        self.after = after
        self.limit = limit
    }
}

/// Joins what was found among live and among ended operations to one page; pure.
///
/// A search that looked at as many as it may without filling the page has a horizon: what lies beyond it is unknown,
/// so the page ends there, and the next one goes on from there.
package struct OperationPage: Sendable, Equatable {
    /// The place of an operation in a list; it never changes, whatever becomes of the operation.
    package struct Key: Sendable, Hashable, Comparable {
        package let enqueuedAt: Timestamp
        package let id: OperationID

        package init(enqueuedAt: Timestamp, id: OperationID) {
            self.enqueuedAt = enqueuedAt
            self.id = id
        }

        package static func < (left: Key, right: Key) -> Bool {
            (left.enqueuedAt, left.id) < (right.enqueuedAt, right.id)
        }
    }

    /// The operations that were found in one place.
    package struct Part: Sendable {
        /// Newest first, at most as many as the page holds.
        package var keys: [Key] = []
        /// The oldest that was looked at; nil when all were.
        package var horizon: Key?
        /// The number of those found in each state.
        package var states: [OperationState: Int] = [:]

        package init(keys: [Key] = [], horizon: Key? = nil, states: [OperationState: Int] = [:]) {
            self.keys = keys
            self.horizon = horizon
            self.states = states
        }
    }

    /// Newest first.
    package let keys: [Key]
    /// The place after which the next page begins; nil at the end.
    package let next: Key?

    package init(merging parts: [Part], limit: Int) {
        let horizon = parts.compactMap(\.horizon).max()
        let found = parts.flatMap(\.keys).sorted(by: >).filter { key in horizon.map { key >= $0 } ?? true }
        keys = Array(found.prefix(limit))
        // A part that is full may have more behind its last.
        let isFull = found.count > limit || parts.contains { $0.keys.count >= limit }
        next = isFull && keys.count == limit ? keys.last : horizon
    }
}
