import ClusterModel
import ClusterReports

extension OperationReceipt: Answer {
    var table: TextTable {
        TextTable(fields: [
            ("uuid", "\(uuid)"), ("queue", "\(queueName)"), ("state", state.rawValue),
            ("deduplicated", deduplicated.word),
        ])
    }
}

extension CancelView: Answer {
    var table: TextTable {
        TextTable(fields: [
            ("uuid", "\(uuid)"), ("state", state.rawValue), ("requests", "\(requests)"),
            ("requesters", "\(requesters)"), ("unfolded", "\(unfolded.count)"), ("aborted", "\(aborted.count)"),
            ("dependents left", "\(dependentsLeft)"),
        ])
    }
}

extension RetryView: Answer {
    var table: TextTable {
        TextTable(fields: [
            ("uuid", "\(uuid)"), ("retry of", "\(retryOf)"), ("queue", "\(queueName)"), ("state", state.rawValue),
        ])
    }
}

extension CancelView: TableRow {
    static let columns: [TableColumn] = [
        "UUID", "STATE", .detail("REQUESTS"), .detail("UNFOLDED"), .detail("ABORTED"),
    ]
    var cells: [String?] {
        ["\(uuid)", state.rawValue, "\(requests)", "\(unfolded.count)", "\(aborted.count)"]
    }
}

extension BulkCancelView: Answer {
    var table: TextTable {
        TextTable(fields: [
            ("matched", "\(matched)"), ("states", states.countsText), ("dry run", dryRun.word),
            ("cancelled", "\(cancelled)"), ("interrupted", "\(interrupted)"), ("unfolded", "\(unfolded)"),
            ("aborted", "\(aborted)"),
        ])
    }
}

extension BulkRetryView: Answer {
    var table: TextTable {
        TextTable(fields: [
            ("matched", "\(matched)"), ("states", states?.countsText), ("dry run", dryRun.word),
            ("retried", "\(retried)"), ("dependents", "\(dependents)"), ("retried before", "\(earlier)"),
            ("refused", "\(refused)"),
        ])
    }
}

extension [String: Int] {
    /// The counts that are not zero, by name.
    fileprivate var countsText: String? {
        let counts = filter { $0.value > 0 }.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        return counts.isEmpty ? nil : counts.joined(separator: ", ")
    }
}

extension BulkEnqueueView: Answer {
    var table: TextTable { TextTable(fields: [("count", "\(count)"), ("first uuid", "\(firstUUID)")]) }
}

extension SubmittedView: TableRow {
    static let columns: [TableColumn] = [.name("REF"), "UUID", .name("QUEUE"), "STATE"]
    var cells: [String?] { [ref, "\(uuid)", "\(queueName)", state.rawValue] }
}

extension OperationStateView: TableRow {
    static let columns: [TableColumn] = ["UUID", "STATE"]
    var cells: [String?] { ["\(uuid)", state.rawValue] }
}

extension OperationView: TableRow {
    static let columns: [TableColumn] = [
        "UUID", "STATE", "AGE", .name("TASKS"), .name("NODE"), .name("NETWORK"), .detail("QUEUE"), .detail("WAITED"),
        .detail("REQUESTS"),
    ]
    var cells: [String?] {
        [
            "\(uuid)", state.rawValue, ShortTime.age(of: enqueuedAt), tasks.map(\.description).joined(separator: " "),
            node?.description, network?.description, "\(queueName)", waitSeconds?.secondsText, "\(requests)",
        ]
    }
}

extension OperationPageView: Answer {
    var table: TextTable { TextTable(OperationView.columns, rows: items.map(\.cells)) }
}
