import ClusterModel
import ClusterReports
import ClusterStore

extension TopPage {
    private typealias Line = (text: String, look: Screen.Look)

    /// Draws the chosen lists, the selected row among them.
    func lists(_ screen: inout Screen, rows: Range<Int>) {
        let lists = TopLists(activity, choice)
        let shares = Self.shares(of: rows.count, needs: lists.parts.map { 1 + $0.rows.count })
        let ids = lists.rows.compactMap { $0.operation.map { "\($0.id)" } }
        let idWidth = columns >= Self.wide ? ShortID.whole : ShortID.length(of: ids)
        // The place of the selected row in the list that begins at `first`.
        var first = 0
        let selected = choice.place(among: lists.rows)
        var row = rows.lowerBound
        for (list, share) in zip(lists.parts, shares) {
            defer { (row, first) = (row + share, first + list.rows.count) }
            guard share > 0 else { continue }
            screen.put(title(of: list.part, list.rows.count, idWidth), row: row, look: .bold)
            let place = selected.map { $0 - first }.flatMap { list.rows.indices.contains($0) ? $0 : nil }
            // The list moves as far as the selected row needs it.
            let hidden = max(0, (place ?? 0) - (share - 2))
            for (index, shown) in list.rows.enumerated().dropFirst(hidden).prefix(share - 1) {
                let line = line(of: shown, idWidth)
                let isSelected = index == place
                screen.put(
                    (isSelected ? "> " : "  ") + line.text,
                    row: row + 1 + index - hidden,
                    look: isSelected ? .reverse : line.look
                )
            }
        }
    }

    /// Divides rows equally, but for what one does not need, which is the others'.
    static func shares(of rows: Int, needs: [Int]) -> [Int] {
        var (left, shares) = (rows, needs.map { _ in 0 })
        let modestFirst = needs.indices.sorted { (needs[$0], $0) < (needs[$1], $1) }
        for (served, index) in modestFirst.enumerated() {
            shares[index] = min(needs[index], left / (needs.count - served))
            left -= shares[index]
        }
        return shares
    }

    private func title(of part: TopChoice.Part, _ count: Int, _ idWidth: Int) -> String {
        func filled(_ word: String, _ age: String) -> String {
            "\(word) \(count)".filled(idWidth + 3) + age.padded(7) + "  "
        }
        return switch part {
        case .failures: filled("FAILED", "AGO") + node("NODE") + "TASKS: ERROR"
        case .nodes: filled("NODES", "SEEN") + "STATE".filled(15) + "PROCESSES RUNNING"
        case .all, .running: filled("RUNNING", "FOR") + "NODE".filled(13) + "TASKS"
        }
    }

    private func line(of row: TopRow, _ idWidth: Int) -> Line {
        func begin(_ name: String, _ seconds: Double?) -> String {
            name.filled(idWidth + 1) + (seconds.map(ShortTime.text) ?? "never").padded(7) + "  "
        }
        switch row {
        case .running(let run):
            let text =
                begin(String("\(run.id)".prefix(idWidth)), run.seconds)
                + (row.node.isEmpty ? "-" : row.node).filled(13) + row.tasks
            return (text + (run.isCancelRequested ? " (cancelled)" : ""), run.isCancelRequested ? .yellow : .plain)
        case .failed(let failure):
            let message = Printable.escaped(failure.message, longest: columns)
            let text =
                begin(String("\(failure.id)".prefix(idWidth)), failure.secondsAgo)
                + node(row.node.isEmpty ? "-" : row.node) + "\(row.tasks): \(message)"
            return (text, .red)
        case .node(let node):
            let text =
                begin("\(node.name)", node.seenSecondsAgo) + node.word.filled(15)
                + "\(node.liveProcesses)".padded(9) + "\(node.running)".padded(8)
            let isAlarm = node.liveProcesses == 0 || !node.missing.isEmpty
            return (text, isAlarm ? .red : node.isDraining ? .yellow : .plain)
        }
    }

    /// The node of what has failed: on a narrow screen the error needs the room.
    private func node(_ name: String) -> String { columns >= Self.wide ? name.filled(13) : "" }
}
