import DaemonFace
import Exposition

/// Shows what a netnode does for the networks beside what it records itself.
enum NetworkMetrics {
    static func families(
        _ coordinator: NetworkCoordinator,
        _ record: MaintenanceRecord,
        _ servers: NetworkServers
    ) -> [MetricFamily] {
        leader(coordinator.standing) + drift(record.drift) + dnsmasq(servers.passes, deaths: servers.restarts)
    }

    private static func leader(_ standing: NetworkCoordinator.Standing) -> [MetricFamily] {
        var (isServing, term, margin) = (0, UInt64(0), 0.0)
        if case .serving(let held, let left) = standing {
            (isServing, term, margin) = (1, held, max(0, left.fractionalSeconds))
        }
        return [
            MetricFamily("clusterops_leader", .gauge, help: "1 while this node serves the networks.", isServing),
            MetricFamily("clusterops_leader_term", .gauge, help: "The term under which it serves; 0 when not.", term),
            MetricFamily(
                "clusterops_leader_lease_margin_seconds",
                .gauge,
                help: "For how long it would serve without another renewal; 0 when it does not.",
                [.init([:], margin)]
            ),
        ]
    }

    private static func drift(_ drift: MaintenanceRecord.Drift) -> [MetricFamily] {
        [
            MetricFamily(
                "clusterops_drift_found_total",
                .counter,
                help:
                    "Networks found broken on this node between two passes of maintenance, at each try to repair them.",
                drift.found
            ),
            MetricFamily(
                "clusterops_drift_repaired_total",
                .counter,
                help: "Those of them that were found as wanted afterwards.",
                drift.repaired
            ),
        ]
    }

    private static func dnsmasq(_ passes: [ServerPass: Int], deaths: Int) -> [MetricFamily] {
        let changes: [ServerPass] = [.reloaded, .restarted, .started, .stopped]
        return [
            MetricFamily(
                "clusterops_dnsmasq_changes_total",
                .counter,
                help:
                    "What it took to bring servers to what was wanted: a reload costs guests nothing, a restart 10 ms.",
                changes.map { .init(["change": $0.rawValue], Double(passes[$0] ?? 0)) }
            ),
            MetricFamily(
                "clusterops_dnsmasq_deaths_total",
                .counter,
                help: "Servers that had died by themselves and were started again.",
                deaths
            ),
        ]
    }
}
