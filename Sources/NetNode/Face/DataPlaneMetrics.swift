import ClusterModel
import DaemonFace
import Exposition

/// Shows what a netnode finds of the paths to other nodes, and of its own part of the data plane.
package enum DataPlaneMetrics {
    static func families(_ snapshot: DataPlaneWatch.Snapshot) -> [MetricFamily] {
        let states = Dictionary(grouping: snapshot.verdicts, by: word).mapValues(\.count)
        return [
            paths.family(words.map { .init(["state": $0], Double(states[$0] ?? 0)) }),
            checks.family(
                DataPlaneCheck.allCases.map {
                    .init(["check": $0.rawValue], snapshot.checks[$0]?.state == .failed ? 1 : 0)
                }
            ),
            probes.family([
                .init(["outcome": "answered"], Double(snapshot.counts.answered)),
                .init(["outcome": "failed"], Double(snapshot.counts.failed)),
                .init(["outcome": "sent"], Double(snapshot.counts.sent)),
            ]),
            answers.family(snapshot.counts.answersGiven),
        ]
    }

    private static let words = ["answers", "fragmented", "limited", "refused", "unknown", "unreachable"]

    private static func word(_ verdict: PeerPath.Verdict) -> String {
        switch verdict {
        case .unknown: "unknown"
        case .answers: "answers"
        case .unreachable: "unreachable"
        case .limited: "limited"
        case .fragmented: "fragmented"
        case .refused: "refused"
        }
    }

    // MARK: Definitions

    /// The metrics of the data plane.
    package static let metrics = [paths, checks, probes, answers]

    private static let paths = MetricDefinition(
        "clusterops_underlay_paths",
        .gauge,
        labels: ["state"],
        help: "Paths from this node over the underlay to the nodes that it probes, by what their probes show."
    )
    private static let checks = MetricDefinition(
        "clusterops_data_plane_check_failed",
        .gauge,
        labels: ["check"],
        help: "1 while this node's underlay address, bridge filter or external bridge is at fault."
    )
    private static let probes = MetricDefinition(
        "clusterops_underlay_probes_total",
        .counter,
        labels: ["outcome"],
        help: "Probes that this node has sent, those that were answered, and those that the kernel says have failed."
    )
    private static let answers = MetricDefinition(
        "clusterops_underlay_probe_answers_total",
        .counter,
        help: "Probes of other nodes that this node has answered."
    )
}
