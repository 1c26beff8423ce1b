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
    static let titles = ["UUID", "STATE", "REQUESTS", "UNFOLDED", "ABORTED"]
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
    static let titles = ["REF", "UUID", "QUEUE", "STATE"]
    var cells: [String?] { [ref, "\(uuid)", "\(queueName)", state.rawValue] }
}

extension OperationStateView: TableRow {
    static let titles = ["UUID", "STATE"]
    var cells: [String?] { ["\(uuid)", state.rawValue] }
}

extension OperationView: TableRow {
    static let titles = ["UUID", "STATE", "AGE", "TASKS", "NODE", "NETWORK", "QUEUE", "WAITED", "REQUESTS"]
    var cells: [String?] {
        [
            "\(uuid)", state.rawValue, ShortTime.age(of: enqueuedAt), tasks.map(\.description).joined(separator: " "),
            node?.description, network?.description, "\(queueName)", waitSeconds?.secondsText, "\(requests)",
        ]
    }
}

extension OperationPageView: Answer {
    var table: TextTable { TextTable(OperationView.titles, rows: items.map(\.cells)) }
}

extension OperationView: Answer {
    var table: TextTable {
        var fields: [(name: String, value: String?)] = [
            ("uuid", "\(uuid)"),
            ("kind", kind.rawValue),
            ("tasks", tasks.map(\.description).joined(separator: " ")),
            ("state", state.rawValue),
            ("queue", "\(queueName)"),
            ("network", network?.description),
            ("node", node?.description),
            ("interface", interface?.description),
            ("parameters", parameters.map(Self.text)),
            ("depends on", Self.list(dependsOn)),
            ("runs after", Self.list(runsAfter)),
            ("unmet", "\(unmet)"),
            ("requester", requester),
            ("requests", "\(requests)"),
            ("labels", Self.list(labels)),
            ("deadline", deadline.map { "\($0)" }),
            ("retry of", retryOf?.description),
            ("retried as", retriedAs?.description),
            ("attempts", "\(attempts) of \(maxAttempts)"),
            ("deliveries", "\(deliveries)"),
            ("deferred", "\(deferCount)"),
            ("waited", waitSeconds?.secondsText),
            ("folded into", foldedInto?.description),
            ("followers", Self.list(followers)),
            ("worker", worker.map { "\($0.node) pid \($0.pid)" }),
            ("error", error.map { "\($0.code): \($0.message)" }),
        ]
        fields += TextTable.lines("stderr", error?.stderrTail)
        fields.append(("result", result.map(Self.text)))
        for omitted in omitted { fields.append(("no \(omitted.part)", omitted.reason)) }
        for event in timeline {
            let details = event.details.sorted { $0.key < $1.key }.map { "\($0.key)=\(Self.text($0.value))" }
            fields.append(("\(event.at)", ([event.event.rawValue] + details).joined(separator: " ")))
        }
        return TextTable(fields: fields)
    }

    private static func list(_ labels: [String: String]) -> String? {
        labels.isEmpty ? nil : labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }

    private static func list(_ ids: [OperationID]) -> String? {
        ids.isEmpty ? nil : ids.map(\.description).joined(separator: " ")
    }

    private static func text(_ value: JSONValue) -> String {
        if case .string(let text) = value { return text }
        return value.text
    }
}
