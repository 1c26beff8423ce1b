/// A queue as `queue list` prints it.
public struct QueueView: Codable, Sendable, Hashable {
    /// Its name.
    public let queueName: QueueName
    /// Operations that could run now.
    public let queued: Int
    /// Operations whose time has not come.
    public let delayed: Int
    /// Operations that wait for dependencies.
    public let blocked: Int
    /// Operations that run.
    public let executing: Int
    /// Whether a count reached its limit: then there are that many or more.
    public let capped: Bool
    /// How long the operation at the head of the queue has been ready; null when none is.
    @NullWhenUnknown public var oldestSeconds: Double?
    /// Whether a rule keeps the queue from being drained.
    public let paused: Bool
    /// The reasons of those rules.
    @NullWhenUnknown public var pausedReason: String?

    private enum CodingKeys: String, CodingKey {
        case queued, delayed, blocked, executing, capped, paused
        case queueName = "queue_name"
        case oldestSeconds = "oldest_seconds"
        case pausedReason = "paused_reason"
    }
}
