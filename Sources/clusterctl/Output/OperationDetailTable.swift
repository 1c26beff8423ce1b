import ClusterModel
import ClusterReports
import DatabaseTime

extension OperationView: Answer {
    /// The request, its course, its outcome, and the events; what there is not of it is left out.
    var table: TextTable {
        TextTable(parts: [request, course, outcome], alarms: ["error", "stderr"])
            .followed(by: [events])
    }

    private var request: [TextTable.Field] {
        [
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
            ("unmet", Self.count(unmet)),
            ("requester", requester),
            ("requests", "\(requests)"),
            ("labels", Self.list(labels)),
            ("deadline", deadline.map { "\($0)" }),
            ("retry of", retryOf?.description),
            ("retried as", retriedAs?.description),
        ]
    }

    private var course: [TextTable.Field] {
        [
            ("attempts", "\(attempts) of \(maxAttempts)"),
            ("deliveries", Self.count(deliveries)),
            ("deferred", Self.count(deferCount)),
            ("waited", waitSeconds?.secondsText),
            ("folded into", foldedInto?.description),
            ("followers", Self.list(followers)),
            ("worker", worker.map { "\($0.node) pid \($0.pid)" }),
        ]
    }

    private var outcome: [TextTable.Field] {
        [("error", error.map { "\($0.code): \($0.message)" })]
            + TextTable.lines("stderr", error?.stderrTail)
            + [("result", result.map(Self.text))]
            + omitted.map { ("no \($0.part)", $0.reason) }
    }

    /// Each event with the time since the one before.
    private var events: TextTable {
        let earlier: [Timestamp?] = [nil] + timeline.map { $0.at }
        return TextTable(
            ["AT", "LATER", .prose("EVENT")],
            rows: zip(timeline, earlier).map { event, before in
                let details = event.details.sorted { $0.key < $1.key }.map { "\($0.key)=\(Self.text($0.value))" }
                return [
                    "\(event.at)", before.map { "+\(ShortTime.text(event.at.seconds(since: $0)))" },
                    ([event.event.rawValue] + details).joined(separator: " "),
                ]
            }
        )
    }

    private static func count(_ number: Int) -> String? { number == 0 ? nil : "\(number)" }

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
