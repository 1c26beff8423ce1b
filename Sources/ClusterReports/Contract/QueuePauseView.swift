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

/// A rule that keeps queues from being drained with what it keeps, as `queue pause --list` prints it.
package struct QueuePauseUseView: Codable, Sendable, Hashable {
    /// The rule.
    package let rule: QueuePauseView
    /// The number of the cluster's queues that it matches; of a rule with 0, something is wrong.
    package let queues: Int
    /// Operations in them that wait, for whatever reason.
    package let waiting: Int
    /// Operations of them that run, and are not kept from it.
    package let executing: Int
    /// A Boolean value that indicates whether the count of a queue reached its limit: then there are that many or more.
    package let capped: Bool

    private enum CodingKeys: String, CodingKey {
        case queues, waiting, executing, capped
    }

    init(rule: QueuePauseView, queues: Int, of counts: [QueueView]) {
        self.rule = rule
        self.queues = queues
        waiting = counts.reduce(0) { $0 + $1.queued + $1.delayed + $1.blocked }
        executing = counts.reduce(0) { $0 + $1.executing }
        capped = counts.contains(where: \.capped)
    }

    /// Reads the rule's keys and the others from one JSON object.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        rule = try QueuePauseView(from: decoder)
        queues = try container.decode(Int.self, forKey: .queues)
        waiting = try container.decode(Int.self, forKey: .waiting)
        executing = try container.decode(Int.self, forKey: .executing)
        capped = try container.decode(Bool.self, forKey: .capped)
    }

    /// Writes the rule's keys and the others into one JSON object.
    package func encode(to encoder: any Encoder) throws {
        try rule.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(queues, forKey: .queues)
        try container.encode(waiting, forKey: .waiting)
        try container.encode(executing, forKey: .executing)
        try container.encode(capped, forKey: .capped)
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
