import ClusterModel
import ClusterReports

extension ExplanationView: Answer {
    var table: TextTable {
        var fields: [(name: String, value: String?)] = [
            ("uuid", "\(uuid)"), ("state", state.rawValue), ("queue", "\(queueName)"),
        ]
        fields += reasons.map { ($0.reason.rawValue, $0.text) }
        fields += attemptHistory.map { ("delivery \($0.delivery)", $0.text) }
        // Of the attempt that tells the most: the one that ended it, else the last.
        let failure = error ?? attemptHistory.last?.error
        if let tail = failure?.stderrTail { fields += TextTable.lines("stderr", tail) }
        return TextTable(fields: fields)
    }
}

extension ReasonView {
    fileprivate var text: String {
        let times = [since.map { "since \($0)" }, until.map { "until \($0)" }].compactMap(\.self)
        return times.isEmpty ? message : "\(message) (\(times.joined(separator: ", ")))"
    }
}

extension AttemptRecord {
    fileprivate var text: String {
        let place = node.map { " on \($0)" } ?? ""
        let reason = error.map { ": \($0.code): \($0.message)" } ?? ""
        return "\(outcome.rawValue)\(place) at \(endedAt)\(reason)"
    }
}
