import ClusterModel
import ClusterReports

extension WaitsView: Answer {
    static let columns: [TableColumn] = [.name("LANE OR TASK"), "N", "P50", "P90", "P99", "MAX"]

    /// A second line for those that never were deferred, where that makes a difference.
    var table: TextTable {
        let groups =
            lanes.map { ($0.lane.rawValue, $0.all, $0.undeferred) }
            + tasks.map { ("\($0.task)", $0.all, $0.undeferred) }
        return TextTable(
            Self.columns,
            rows: groups.flatMap { name, all, undeferred in
                [Self.cells(name, all)]
                    + (undeferred == all ? [] : [Self.cells("  never deferred", undeferred)])
            }
        )
    }

    private static func cells(_ name: String, _ waits: Waits) -> [String?] {
        [name, "\(waits.n)"] + [waits.p50, waits.p90, waits.p99, waits.max].map { $0?.secondsText }
    }
}
