import ClusterModel
import ClusterReports
import ClusterStore

/// A page of `top`: what was seen, as it was chosen, on a screen of some size; pure.
struct TopPage {
    /// The activity that was seen last.
    var activity: ClusterActivity
    var choice = TopChoice()
    /// The reason why nothing newer was seen.
    var trouble: String?
    /// The time since it was seen.
    var age: Duration = .zero
    let columns: Int
    let rows: Int

    /// Columns from which on all percentiles find room.
    private static let wide = 100

    var screen: Screen {
        var screen = Screen(columns: columns, rows: rows)
        head(&screen)
        let lanesRow = 4 + alarms(&screen, from: 4)
        lanes(&screen, from: lanesRow)
        let first = lanesRow + 1 + activity.status.lanes.count
        lists(&screen, rows: first..<max(first, rows - 1))
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
        if let trouble {
            let text = "seen \(ShortTime.text(age.seconds)) ago: \(Printable.escaped(trouble, longest: columns))"
            screen.put(text, row: 3, look: .red)
        } else if choice.isHeld {
            screen.put("held; space goes on", row: 3, look: .yellow)
        }
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

    // MARK: The lists

    private typealias List = (title: String, lines: [(text: String, look: Screen.Look)])

    private func lists(_ screen: inout Screen, rows: Range<Int>) {
        let lists = chosenLists
        let shares = Self.shares(of: rows.count, needs: lists.map { 1 + $0.lines.count })
        var row = rows.lowerBound
        for (list, share) in zip(lists, shares) where share > 0 {
            screen.put(list.title, row: row, look: .bold)
            for (offset, line) in list.lines.prefix(share - 1).enumerated() {
                screen.put(line.text, row: row + 1 + offset, look: line.look)
            }
            row += share
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

    private var chosenLists: [List] {
        switch choice.part {
        case .all: [running, failures, nodes]
        case .running: [running]
        case .failures: [failures]
        case .nodes: [nodes]
        }
    }

    private var running: List {
        let wanted = activity.running.filter {
            choice.wants(
                ["\($0.id)", "\($0.queue)", $0.node?.description ?? ""] + Self.names($0.tasks),
                lane: $0.queue.lane
            )
        }
        return (
            "RUNNING \(wanted.count)".filled(37) + "FOR".padded(7) + "  " + "NODE".filled(13) + "TASKS",
            wanted.map { run in
                let text =
                    "\(run.id)".filled(37) + ShortTime.text(run.seconds).padded(7) + "  "
                    + (run.node?.description ?? "-").filled(13) + Self.names(run.tasks).joined(separator: " ")
                return (text + (run.isCancelRequested ? " (cancelled)" : ""), .plain)
            }
        )
    }

    private var failures: List {
        let wanted = activity.failures.filter {
            let words = ["\($0.id)", "\($0.queue)", $0.node?.description ?? "", $0.message, $0.state.rawValue]
            return choice.wants(words + Self.names($0.tasks), lane: $0.queue.lane)
        }
        // On a narrow screen the error needs the room.
        let node = { (text: String) in columns >= Self.wide ? text.filled(13) : "" }
        return (
            "FAILED \(wanted.count)".filled(37) + "AGO".padded(7) + "  " + node("NODE") + "TASKS: ERROR",
            wanted.map { failure in
                let message = Printable.escaped(failure.message, longest: columns)
                let text =
                    "\(failure.id)".filled(37) + ShortTime.text(failure.secondsAgo).padded(7) + "  "
                    + node(failure.node?.description ?? "-")
                    + "\(Self.names(failure.tasks).joined(separator: " ")): \(message)"
                return (text, .red)
            }
        )
    }

    private var nodes: List {
        let wanted = activity.nodes.filter { choice.wants(["\($0.name)", $0.word], lane: nil) }
        return (
            "NODES \(wanted.count)".filled(37) + "SEEN".padded(7) + "  " + "STATE".filled(15) + "PROCESSES  RUNNING",
            wanted.map { node in
                let seen = node.seenSecondsAgo.map(ShortTime.text) ?? "never"
                let text =
                    "\(node.name)".shortened(36).filled(37) + seen.padded(7) + "  " + node.word.filled(15)
                    + "\(node.liveProcesses)".padded(9) + "\(node.running)".padded(9)
                return (text, node.look)
            }
        )
    }

    private static func names(_ tasks: [TaskName]) -> [String] { tasks.map(\.description) }

    // MARK: The foot

    private func foot(_ screen: inout Screen) {
        let row = rows - 1
        if choice.isTyping { return screen.put("filter: \(choice.filter)_   enter keeps it, esc drops it", row: row) }
        var text = "q quit  / filter  l lane  tab part  space hold  esc all"
        if !choice.filter.isEmpty { text += "   filter '\(choice.filter)'" }
        if let lane = choice.lane { text += "   lane \(lane)" }
        screen.put(text, row: row)
    }
}

extension ClusterActivity.NodeActivity {
    fileprivate var word: String {
        if liveProcesses == 0 { return "silent" }
        return missing.first.map { "no \($0)" } ?? (isDraining ? "draining" : "live")
    }

    fileprivate var look: Screen.Look {
        liveProcesses == 0 || !missing.isEmpty ? .red : isDraining ? .yellow : .plain
    }
}

extension String {
    /// Spaces in front, up to a width.
    fileprivate func padded(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }

    /// Spaces behind, up to a width, and at least one.
    fileprivate func filled(_ width: Int) -> String {
        let text = shortened(width - 1)
        return text + String(repeating: " ", count: width - text.count)
    }

    fileprivate func shortened(_ width: Int) -> String { count <= width ? self : prefix(width - 1) + "…" }
}
