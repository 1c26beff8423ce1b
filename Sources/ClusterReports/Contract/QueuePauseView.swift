import ClusterModel
import DatabaseTime
import MariaDB

/// A rule that keeps queues from being drained, as `queue pause` prints it.
package struct QueuePauseView: Codable, Sendable, Hashable {
    /// The queues' names, with `*` for any run of characters.
    package let pattern: String
    /// The reason for the pause.
    package let reason: String
    /// The person or program that paused them, or gave the last reason.
    package let requester: String
    /// Since when.
    package let pausedAt: Timestamp

    private enum CodingKeys: String, CodingKey {
        case pattern, reason, requester
        case pausedAt = "paused_at"
    }
}

/// The result of `queue resume`.
package struct QueueResumeView: Codable, Sendable, Hashable {
    /// The pattern that was asked for.
    package let pattern: String
    /// The rules that were removed; empty when none was there.
    package let removed: [QueuePauseView]
    /// Rules that still pause queues of the pattern, being wider than it.
    package let stillPausedBy: [QueuePauseView]

    private enum CodingKeys: String, CodingKey {
        case pattern, removed
        case stillPausedBy = "still_paused_by"
    }
}

extension QueuePause: Reported {
    /// The rule as `queue pause` prints it.
    package var view: QueuePauseView {
        QueuePauseView(pattern: pattern, reason: reason, requester: requester, pausedAt: pausedAt)
    }
}
