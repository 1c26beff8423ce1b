import ClusterModel
import ClusterReports
import ClusterStore

/// A page of `top`: what was seen, as it was chosen, on a screen of some size; pure.
struct TopPage {
    /// The activity that was seen last.
    var activity: ClusterActivity
    var dialogue = TopDialogue()
    /// The reason why nothing newer was seen.
    var trouble: String?
    /// The time since it was seen.
    var age: Duration = .zero
    let columns: Int
    let rows: Int

    /// Columns from which on all percentiles find room.
    static let wide = 100
    /// Rows of figures above the message.
    private static let figures = 3
    /// Rows of a message: a refusal says what is missing at its end.
    private static let mostMessage = 3

    var choice: TopChoice { dialogue.choice }

    var screen: Screen {
        var screen = Screen(columns: columns, rows: rows)
        head(&screen)
        if dialogue.isHelp {
            help(&screen)
        } else if let opened = dialogue.opened {
            detail(of: opened, &screen)
        } else {
            let lanesRow = headRows + alarms(&screen, from: headRows)
            lanes(&screen, from: lanesRow)
            let first = lanesRow + 1 + activity.status.lanes.count
            lists(&screen, rows: first..<max(first, rows - 1))
        }
        foot(&screen)
        return screen
    }

    // MARK: The head

    private func head(_ screen: inout Screen) {
        let status = activity.status
        let leader = status.leader.holder.map { "leader \($0), term \(status.leader.term)" } ?? "no leader"
        let cluster = Printable.escaped("\(status.database.schema) at \(status.database.server)", longest: columns)
        screen.put("\(Self.clock("\(status.seenAt)"))  \(leader)  \(cluster)", row: 0, look: .bold)
        let (nodes, networks, processes) = (status.nodes, status.networks, status.processes)
        let daemons = status.sessions.map { "   \($0.daemon)s \($0.present)/\($0.wanted)" }.joined()
        screen.put(
            "nodes \(nodes.live)/\(nodes.total) live, \(nodes.draining) draining\(daemons)   pauses \(status.pauses)",
            row: 1,
            look: nodes.live < nodes.total || status.sessions.contains(where: \.isShort) ? .red : .plain
        )
        screen.put(
            "networks \(networks.converged)/\(networks.total) converged, \(networks.problems) problems   "
                + "processes \(processes.running)/\(processes.total) running, \(processes.unhealthy) unhealthy",
            row: 2,
            look: networks.unserved > 0 || processes.unhealthy > 0
                ? .red : networks.problems > 0 || processes.running < processes.total ? .yellow : .plain
        )
        for (offset, line) in messageLines.enumerated() {
            screen.put(line, row: Self.figures + offset, look: message.look)
        }
    }

    /// Rows above what changes with the choice; one of them is empty when there is no message.
    var headRows: Int { Self.figures + messageLines.count }

    private var messageLines: [String] {
        TextTable.wrapped(Printable.escaped(message.text), to: max(1, columns), most: Self.mostMessage)
    }

    /// The one message that matters most.
    private var message: (text: String, look: Screen.Look) {
        if let note = dialogue.note { return (note.text, note.isRefusal ? .red : .yellow) }
        if case .act(let action, let id) = dialogue.outstanding {
            return ("asking the database to \(action.word) operation \(id)", .yellow)
        }
        if let trouble { return ("seen \(ShortTime.text(age.seconds)) ago: \(trouble)", .red) }
        return (choice.isHeld ? "held; space goes on" : "", .yellow)
    }

    /// `2026-03-01 12:00:05 UTC`.
    private static func clock(_ time: String) -> String {
        time.prefix(19).replacing("T", with: " ") + " UTC"
    }

    /// The most lines of what needs a look; the rest is counted, and `doctor` has it.
    private static let mostAlarms = 6

    /// Writes what needs a look, and returns the number of lines.
    private func alarms(_ screen: inout Screen, from row: Int) -> Int {
        var lines = activity.status.attention.map { Printable.escaped("! \($0)", longest: columns) }
        if lines.count > Self.mostAlarms {
            let left = lines.count - Self.mostAlarms + 1
            lines = lines.prefix(Self.mostAlarms - 1) + ["! and \(left) more: see 'clusterctl status'"]
        }
        for (offset, line) in lines.enumerated() { screen.put(line, row: row + offset, look: .red) }
        return lines.count
    }

    // MARK: The lanes

    private func lanes(_ screen: inout Screen, from row: Int) {
        let titles = [("QUEUED", 7), ("DELAYED", 7), ("BLOCKED", 7), ("RUNNING", 7), ("OLDEST", 6), ("ENDED/S", 7)]
        let percentiles = columns >= Self.wide ? ["P50", "P90", "P99", "MAX"] : ["P50", "P99"]
        let columns = titles + percentiles.map { ($0, 6) }
        func line(_ name: String, _ cells: [String]) -> String {
            name.filled(20) + zip(columns, cells).map { $1.padded($0.1) }.joined(separator: " ")
        }
        screen.put(line("LANE", columns.map(\.0)), row: row, look: .bold)
        for (index, lane) in activity.status.lanes.enumerated() {
            let plus = lane.capped ? "+" : ""
            let counts = [lane.queued, lane.delayed, lane.blocked, lane.executing].map { "\($0)\(plus)" }
            let rate = activity.endedPerSecond[lane.lane].map(Self.rate) ?? "0"
            let waits = lane.waits
            let quantiles =
                percentiles.count == 4 ? [waits.p50, waits.p90, waits.p99, waits.max] : [waits.p50, waits.p99]
            let times = ([lane.oldestSeconds] + quantiles).map { $0.map(ShortTime.text) ?? "-" }
            screen.put(
                line(lane.lane.rawValue, counts + [times[0], rate] + times.dropFirst()),
                row: row + 1 + index,
                look: choice.lane == lane.lane ? .reverse : .plain
            )
        }
    }

    /// Three digits say enough of a rate.
    private static func rate(_ value: Double) -> String {
        value < 99.95 ? "\((value * 10).rounded() / 10)" : "\(Int(value.rounded()))"
    }

    // MARK: The foot

    private func foot(_ screen: inout Screen) {
        let row = rows - 1
        if let question = dialogue.question { return screen.put("[y/N] \(question.text)", row: row, look: .yellow) }
        if choice.isTyping { return screen.put("filter: \(choice.filter)_   enter keeps it, esc drops it", row: row) }
        if dialogue.opened != nil {
            return screen.put("? help  q quit  esc back  up/down scroll  r retry  c cancel", row: row)
        }
        var parts = ["? help  q quit  enter detail  r retry  c cancel  s sort  / filter  l lane"]
        if choice.order != .time { parts.insert("sort \(choice.order)", at: 0) }
        if !choice.filter.isEmpty { parts.insert("filter '\(choice.filter)'", at: 0) }
        if let lane = choice.lane { parts.insert("lane \(lane)", at: 0) }
        screen.put(parts.joined(separator: "   "), row: row)
    }
}

extension String {
    /// Spaces in front, up to a width.
    func padded(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }

    /// Spaces behind, up to a width, and at least one.
    func filled(_ width: Int) -> String {
        let text = count < width ? self : prefix(width - 2) + "…"
        return text + String(repeating: " ", count: width - text.count)
    }
}
