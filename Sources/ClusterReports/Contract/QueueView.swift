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
    /// Whether a count reached its limit: then there are that many or more.
    package let capped: Bool
    /// How long the operation at the head of the queue has been ready; null when none is.
    @NullWhenUnknown package var oldestSeconds: Double?
    /// Whether a rule keeps the queue from being drained.
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
