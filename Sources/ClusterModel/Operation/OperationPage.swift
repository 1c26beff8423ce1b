import DatabaseTime

/// The operations that `op list` is asked for.
package struct OperationFilter: Sendable {
    /// Only those in one of these states; all if empty.
    package var states: Set<OperationState> = []
    package var network: NetworkName?
    package var node: NodeName?
    package var queue: QueueName?
    /// Only those enqueued within this time.
    package var since: Duration?
    /// Only those older than this one.
    package var after: OperationID?
    /// The largest number of operations to list.
    package var limit = 100

    package init() {}
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

        package init(keys: [Key] = [], horizon: Key? = nil) {
            self.keys = keys
            self.horizon = horizon
        }
    }

    /// Newest first.
    package let keys: [Key]
    /// The operation after which the next page begins; nil at the end.
    package let next: OperationID?

    package init(merging parts: [Part], limit: Int) {
        let horizon = parts.compactMap(\.horizon).max()
        let found = parts.flatMap(\.keys).sorted(by: >).filter { key in horizon.map { key >= $0 } ?? true }
        keys = Array(found.prefix(limit))
        // A part that is full may have more behind its last.
        let isFull = found.count > limit || parts.contains { $0.keys.count >= limit }
        next = isFull && keys.count == limit ? keys.last?.id : horizon?.id
    }
}
