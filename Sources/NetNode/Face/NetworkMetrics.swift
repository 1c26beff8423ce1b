import DaemonFace
import Exposition

/// The metrics of a netnode's networks that are read at the scrape.
package enum NetworkMetrics {
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
            isLeader.family(isServing),
            leaderTerm.family(term),
            leaseMargin.family([.init([:], margin)]),
        ]
    }

    private static func drift(_ drift: MaintenanceRecord.Drift) -> [MetricFamily] {
        [driftFound.family(drift.found), driftRepaired.family(drift.repaired)]
    }

    private static func dnsmasq(_ passes: [ServerPass: Int], deaths: Int) -> [MetricFamily] {
        let changes: [ServerPass] = [.reloaded, .restarted, .started, .stopped]
        return [
            dnsmasqChanges.family(changes.map { .init(["change": $0.rawValue], Double(passes[$0] ?? 0)) }),
            dnsmasqDeaths.family(deaths),
        ]
    }

    // MARK: Definitions

    /// The metrics of a netnode beside those of every daemon.
    package static let metrics =
        [
            isLeader, leaderTerm, leaseMargin, maintenancePass, driftFound, driftRepaired, dnsmasqChanges,
            dnsmasqDeaths,
        ] + DataPlaneMetrics.metrics + TrafficMetrics.metrics + ElectionMetrics.metrics

    /// Recorded by `MaintenanceRecord`.
    static let maintenancePass = MetricDefinition(
        "clusterops_maintenance_pass_seconds",
        .histogram,
        labels: ["outcome"],
        help: "Passes that compare this node with what is wanted, and repair it."
    )

    private static let isLeader = MetricDefinition(
        "clusterops_leader",
        .gauge,
        help: "1 while this node serves the networks."
    )
    private static let leaderTerm = MetricDefinition(
        "clusterops_leader_term",
        .gauge,
        help: "The term under which it serves; 0 when it does not."
    )
    private static let leaseMargin = MetricDefinition(
        "clusterops_leader_lease_margin_seconds",
        .gauge,
        help: "How long it would serve without another renewal; 0 when it does not."
    )
    private static let driftFound = MetricDefinition(
        "clusterops_drift_found_total",
        .counter,
        help: "Networks that were changed on this node by somebody else, at each attempt to repair them."
    )
    private static let driftRepaired = MetricDefinition(
        "clusterops_drift_repaired_total",
        .counter,
        help: "Networks that were changed on this node by somebody else, and were as wanted after the repair."
    )
    private static let dnsmasqChanges = MetricDefinition(
        "clusterops_dnsmasq_changes_total",
        .counter,
        labels: ["change"],
        help: "Changes of dnsmasq servers; a reload costs guests nothing, a restart 10 ms."
    )
    private static let dnsmasqDeaths = MetricDefinition(
        "clusterops_dnsmasq_deaths_total",
        .counter,
        help: "Servers that died by themselves and were started again."
    )
}
