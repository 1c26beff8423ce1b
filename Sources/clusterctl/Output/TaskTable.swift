import ClusterModel
import ClusterReports

extension TaskView: TableRow {
    /// Names that a cell has room for.
    private static let mostNamed = 5

    static let columns: [TableColumn] = [
        .name("TASK"), "NEEDS", .detail("COALESCIBLE"), .detail("ATTEMPTS"), .detail("TIMEOUT"), .prose("NODES"),
        .prose("PROBLEM"),
    ]
    var cells: [String?] {
        let names = nodes.prefix(Self.mostNamed).map(\.description).joined(separator: " ")
        let more = nodes.count > Self.mostNamed ? " and \(nodes.count - Self.mostNamed) more" : ""
        return [
            "\(task)", needs.isEmpty ? nil : needs.joined(separator: " "), coalescible.word, "\(maxAttempts)",
            timeoutSeconds.secondsText, nodes.isEmpty ? nil : names + more,
            conflicting ? "defined differently" : obstacles.first.map { "\($0.node): \($0.reason)" },
        ]
    }
}
