import ClusterEngine
import DaemonFace
import Exposition

/// Shows whether an elected node can do without the database for a while.
package enum ElectionMetrics {
    static func families(_ election: ElectionRecord) -> [MetricFamily] {
        let rounds = election.rounds
        return [
            hasWitnesses.family(election.witnesses == nil ? 0 : 1),
            witnesses.family(election.witnesses ?? 0),
            self.rounds.family([
                .init(["outcome": "confirmed"], Double(rounds.confirmed)),
                .init(["outcome": "failed"], Double(rounds.failed)),
            ]),
        ]
    }

    /// The metrics of the election.
    package static let metrics = [hasWitnesses, witnesses, rounds]

    private static let hasWitnesses = MetricDefinition(
        "clusterops_election_outage_covered",
        .gauge,
        help: "1 while this node is elected and would ask witnesses if it lost the database (election.outage)."
    )
    private static let witnesses = MetricDefinition(
        "clusterops_election_witnesses",
        .gauge,
        help: "Nodes that would have to confirm that; 0 where this node is not elected, or no other one can be."
    )
    private static let rounds = MetricDefinition(
        "clusterops_election_rounds_total",
        .counter,
        labels: ["outcome"],
        help: "Rounds of questions to the witnesses while the lease was not renewed."
    )
}
