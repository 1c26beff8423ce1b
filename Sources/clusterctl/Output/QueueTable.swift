import ClusterReports

extension QueueView: TableRow {
    static let columns: [TableColumn] = [
        .name("QUEUE"), "QUEUED", "DELAYED", "BLOCKED", "EXECUTING", .detail("OLDEST"), .prose("PAUSED"),
    ]
    var cells: [String?] {
        let oldest = oldestSeconds?.secondsText
        return [
            "\(queueName)", counted(queued), counted(delayed), counted(blocked), counted(executing), oldest,
            paused ? pausedReason : "no",
        ]
    }

    /// A capped queue does not say which count reached the limit; the largest did.
    private func counted(_ count: Int) -> String {
        capped && count == max(queued, delayed, blocked, executing) ? "\(count)+" : "\(count)"
    }
}

extension QueuePauseView: Answer {
    var table: TextTable {
        TextTable(fields: [
            ("pattern", pattern), ("reason", reason), ("requester", requester), ("paused at", "\(pausedAt)"),
        ])
    }
}

extension QueuePauseUseView: TableRow {
    static let columns: [TableColumn] = [
        .name("PATTERN"), .name("REQUESTER"), "SINCE", "QUEUES", "WAITING", "EXECUTING", .prose("REASON"),
    ]
    var cells: [String?] {
        [
            rule.pattern, rule.requester, ShortTime.age(of: rule.pausedAt), queues == 0 ? "none" : "\(queues)",
            "\(waiting)\(capped ? "+" : "")", "\(executing)", rule.reason,
        ]
    }
}

extension QueueResumeView: Answer {
    var table: TextTable {
        TextTable(fields: [
            ("pattern", pattern), ("removed", Self.list(removed)), ("still paused by", Self.list(stillPausedBy)),
        ])
    }

    private static func list(_ pauses: [QueuePauseView]) -> String? {
        pauses.isEmpty ? nil : pauses.map(\.pattern).joined(separator: " ")
    }
}

extension CoalescingView: TableRow {
    static let columns: [TableColumn] = [
        .name("TASK"), "REQUESTED", "DEDUPLICATED", "FOLDED", "EXECUTED", .prose("REFUSED"),
    ]
    var cells: [String?] {
        let reasons = refused.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return [
            "\(task)", "\(requested)", "\(deduplicated)", "\(folded)", "\(executed)",
            reasons.isEmpty ? nil : reasons.joined(separator: " "),
        ]
    }
}
