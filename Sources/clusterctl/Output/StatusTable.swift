import ClusterModel
import ClusterReports

extension StatusView: Answer {
    /// A table of what needs a look, one of the counts, and one of the lanes.
    var table: TextTable {
        TextTable(fields: attention.map { (Self.mark, $0) }, alarms: [Self.mark])
            .followed(by: [counts, LaneStatus.table(lanes)])
    }

    private static let mark = "!"

    private var counts: TextTable {
        let holder = leader.holder.map { "\($0), term \(leader.term)" } ?? "none elected"
        var fields: [(name: String, value: String?)] = [
            ("cluster", "\(database.schema) at \(database.server)"),
            ("leader", leader.expiresInSeconds.map { "\(holder), for \($0.secondsText) unless renewed" } ?? holder),
            (
                "nodes",
                Self.list(
                    ["\(nodes.live) of \(nodes.total) live", "\(nodes.draining) draining"],
                    "silent",
                    nodes.silent
                )
            ),
        ]
        if !database.servers.isEmpty { fields.append(("servers used", database.used)) }
        fields += sessions.map { ($0.title, $0.text) }
        fields.append(
            (
                "networks",
                Self.list(
                    ["\(networks.converged) of \(networks.total) converged", "\(networks.problems) problems"],
                    "behind",
                    networks.behind
                )
            )
        )
        fields.append(
            (
                "processes",
                Self.list(
                    [
                        "\(processes.running) of \(processes.total) running", "\(processes.unhealthy) unhealthy",
                        "\(processes.stale) not sampled lately",
                    ],
                    "first",
                    processes.first
                )
            )
        )
        fields.append(("pause rules", "\(pauses)"))
        return TextTable(fields: fields, alarms: Set(sessions.filter(\.isShort).map(\.title)))
    }

    fileprivate static func list(
        _ parts: [String],
        _ title: String,
        _ names: [some CustomStringConvertible]
    ) -> String {
        (parts + (names.isEmpty ? [] : ["\(title): \(names.map(\.description).joined(separator: " "))"]))
            .joined(separator: ", ")
    }
}

extension SessionsStatus {
    fileprivate var title: String { "\(daemon)s" }

    fileprivate var text: String {
        // More than the nodes want: a second one on a node, or those of nodes that want none.
        let others = live > present ? ["\(live) live"] : []
        let expired = expired > 0 ? ["\(expired) expired"] : []
        return StatusView.list(["\(present) of \(wanted)"] + others + expired, "missing", missing)
    }

    /// A Boolean value that indicates whether nodes lack one.
    var isShort: Bool { present < wanted }
}

extension LaneStatus {
    fileprivate static func table(_ lanes: [LaneStatus]) -> TextTable {
        TextTable(
            [.name("LANE"), "QUEUED", "DELAYED", "BLOCKED", "RUNNING", "OLDEST", "P50", "P99"],
            rows: lanes.map { lane in
                let plus = lane.capped ? "+" : ""
                let counts = [lane.queued, lane.delayed, lane.blocked, lane.executing].map { "\($0)\(plus)" }
                let times = [lane.oldestSeconds, lane.waits.p50, lane.waits.p99].map { $0.map(ShortTime.text) }
                return ([lane.lane.rawValue] + counts).map(Optional.some) + times
            }
        )
    }
}
