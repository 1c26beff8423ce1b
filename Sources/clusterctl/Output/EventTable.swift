import ClusterModel
import ClusterReports

extension EventView: TableRow {
    static let titles = ["AT", "OPERATION", "TASKS", "EVENT"]
    var cells: [String?] { ["\(event.at)", uuid.map { "\($0)" }, tasksText, what] }

    /// The same on a line of its own.
    var line: String {
        (["\(event.at)"] + (uuid.map { ["\($0)", tasksText] } ?? []) + [what]).joined(separator: " ")
    }

    private var tasksText: String { tasks.map(\.description).joined(separator: " ") }

    private var what: String {
        let details = event.details.sorted { $0.key < $1.key }.map { key, value in
            if case .string(let text) = value { return "\(key)=\(text)" }
            return "\(key)=\(value.text)"
        }
        return ([event.event.rawValue] + details).joined(separator: " ")
    }
}
