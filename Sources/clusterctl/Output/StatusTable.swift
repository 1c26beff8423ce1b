import ClusterModel
import ClusterReports

extension StatusView: Answer {
    var table: TextTable {
        let holder = leader.holder.map { "\($0), term \(leader.term)" } ?? "none elected"
        var fields: [(name: String, value: String?)] = [
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
        fields += sessions.map { ("\($0.daemon)s", "\($0.live) live, \($0.expired) expired") }
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
        fields += lanes.map { ($0.lane.rawValue, $0.text) }
        return TextTable(fields: fields)
    }

    private static func list(_ parts: [String], _ title: String, _ names: [some CustomStringConvertible]) -> String {
        (parts + (names.isEmpty ? [] : ["\(title): \(names.map(\.description).joined(separator: " "))"]))
            .joined(separator: ", ")
    }
}

extension LaneStatus {
    fileprivate var text: String {
        let plus = capped ? "+" : ""
        var text =
            "\(queued)\(plus) queued, \(delayed)\(plus) delayed, \(blocked)\(plus) blocked, \(executing)\(plus) executing"
        if let oldestSeconds { text += ", oldest \(oldestSeconds.secondsText)" }
        if let median = waits.p50, let tail = waits.p99 {
            text += ", waits p50 \(median.secondsText) p99 \(tail.secondsText)"
        }
        return text
    }
}
