import ClusterModel
import ClusterReports

extension EventView: TableRow {
    static let columns: [TableColumn] = ["AT", "OPERATION", .name("TASKS"), .prose("EVENT")]
    var cells: [String?] { ["\(event.at)", uuid.map { "\($0)" }, tasksText, what] }

    /// The same on a line of its own.
    var line: String {
        (["\(event.at)"] + (uuid.map { ["\($0)", tasksText] } ?? []) + [what]).joined(separator: " ")
    }

    private var tasksText: String { tasks.map(\.description).joined(separator: " ") }

    private var what: String {
        guard event.event == .change else {
            return ([event.event.rawValue] + pairs(event.details)).joined(separator: " ")
        }
        let words = ["kind", "subject", "requester"].map { text(event.details[$0] ?? .null) }
        let reason = event.details["reason"].flatMap { $0 == .null ? nil : " (\(text($0)))" } ?? ""
        guard case .object(let values) = event.details["values"] else { return words.joined(separator: " ") }
        return "\(words[0]) \(words[1]) by \(words[2])\(reason): \(pairs(values).joined(separator: " "))"
    }

    private func pairs(_ details: [String: JSONValue]) -> [String] {
        details.sorted { $0.key < $1.key }.map { "\($0)=\(text($1))" }
    }

    private func text(_ value: JSONValue) -> String {
        if case .string(let text) = value { text } else { value.text }
    }
}
