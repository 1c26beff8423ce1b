import DatabaseTime

/// A rule that keeps the queues of a pattern from being drained.
package struct QueuePause: Sendable, Hashable {
    package let pattern: String
    package let reason: String
    package let requester: String
    package let pausedAt: Timestamp

    package init(pattern: String, reason: String, requester: String, pausedAt: Timestamp) {
        self.pattern = pattern
        self.reason = reason
        self.requester = requester
        self.pausedAt = pausedAt
    }
}
