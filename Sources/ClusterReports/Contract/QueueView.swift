import ClusterModel

/// A queue as `queue list` prints it.
package struct QueueView: Codable, Sendable, Hashable {
    /// Its name.
    package let queueName: QueueName
    /// Operations that could run now.
    package let queued: Int
    /// Operations whose time has not come.
    package let delayed: Int
    /// Operations that wait for dependencies.
    package let blocked: Int
    /// Operations that run.
    package let executing: Int
    /// A Boolean value that indicates whether a count reached its limit: then there are that many or more.
    package let capped: Bool
    /// The time for which the operation at the head of the queue has been ready, in seconds; null when none is.
    @NullWhenUnknown package var oldestSeconds: Double?
    /// A Boolean value that indicates whether a rule keeps the queue from being drained.
    package let paused: Bool
    /// The reasons of those rules.
    @NullWhenUnknown package var pausedReason: String?

    private enum CodingKeys: String, CodingKey {
        case queued, delayed, blocked, executing, capped, paused
        case queueName = "queue_name"
        case oldestSeconds = "oldest_seconds"
        case pausedReason = "paused_reason"
    }
}
