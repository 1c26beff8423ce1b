import MariaDB

/// A rule that keeps queues from being drained, as `queue pause` prints it.
public struct QueuePauseView: Codable, Sendable, Hashable {
    /// The queues' names, with `*` for any run of characters.
    public let pattern: String
    /// Why.
    public let reason: String
    /// Who paused them, or gave the last reason.
    public let requester: String
    /// Since when.
    public let pausedAt: Timestamp

    private enum CodingKeys: String, CodingKey {
        case pattern, reason, requester
        case pausedAt = "paused_at"
    }
}

/// What `queue resume` has brought about.
public struct QueueResumeView: Codable, Sendable, Hashable {
    /// What was asked for.
    public let pattern: String
    /// The rules that were removed; empty when none was there.
    public let removed: [QueuePauseView]
    /// Rules that still pause queues of the pattern, being wider than it.
    public let stillPausedBy: [QueuePauseView]

    private enum CodingKeys: String, CodingKey {
        case pattern, removed
        case stillPausedBy = "still_paused_by"
    }
}
