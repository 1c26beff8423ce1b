import ClusterReports

/// The lists of `top`, as they were chosen and sorted; pure.
struct TopLists {
    /// Each part that is shown, with its rows.
    let parts: [(part: TopChoice.Part, rows: [TopRow])]

    init(_ activity: ClusterActivity, _ choice: TopChoice) {
        let all: [(TopChoice.Part, [TopRow])] = [
            (.running, activity.running.map(TopRow.running)), (.failures, activity.failures.map(TopRow.failed)),
            (.nodes, activity.nodes.map(TopRow.node)),
        ]
        parts = all.filter { [.all, $0.0].contains(choice.part) }.map { part, rows in
            (part, Self.sorted(rows.filter { choice.wants($0.words, lane: $0.lane) }, by: choice.order))
        }
    }

    /// The rows of all parts, one below the other.
    var rows: [TopRow] { parts.flatMap(\.rows) }

    /// They come in the order of time, or of need; rows that are otherwise equal keep it.
    private static func sorted(_ rows: [TopRow], by order: TopChoice.Order) -> [TopRow] {
        let key: (TopRow) -> String
        switch order {
        case .time: return rows
        case .node: key = \.node
        case .task: key = \.tasks
        }
        return rows.enumerated().sorted { (key($0.element), $0.offset) < (key($1.element), $1.offset) }.map(\.element)
    }
}
