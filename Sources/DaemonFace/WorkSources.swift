import ClusterDaemon
import ClusterEngine
import ClusterModel
import Exposition
import MariaDB

/// What is shown of a worker beside what it records itself.
package struct WorkSources: Sendable {
    let database: Database
    let pulse: WorkPulse
    let evidence: Evidence
    let doorbell: DoorbellService
    /// Those that it drains now.
    let queues: @Sendable () -> [QueueName]

    package init(
        database: Database,
        pulse: WorkPulse,
        evidence: Evidence,
        doorbell: DoorbellService,
        queues: @escaping @Sendable () -> [QueueName]
    ) {
        self.database = database
        self.pulse = pulse
        self.evidence = evidence
        self.doorbell = doorbell
        self.queues = queues
    }

    func families() async -> [MetricFamily] {
        await DatabaseMetrics.families(database, pool: "work") + [
            session(pulse.reading, at: .now),
            coalescing,
            MetricFamily(
                "clusterops_evidence_unconfirmed_flushes_total",
                .counter,
                help:
                    "Writes of coalescing counters whose COMMIT nobody answered: that often the database may count less.",
                evidence.unconfirmedFlushes
            ),
            MetricFamily(
                "clusterops_unreadable_operations_total",
                .counter,
                help: "Operations left in their queue because this program cannot decode them.",
                evidence.unreadableCount
            ),
            doorbells(await doorbell.counts),
        ]
    }

    private func session(_ reading: WorkPulse.Reading, at now: ContinuousClock.Instant) -> MetricFamily {
        MetricFamily(
            "clusterops_session_lease_margin_seconds",
            .gauge,
            help: "For how long the session would last without another renewal; 0 when none is held.",
            [.init([:], max(0, reading.heldUntil.map { ($0 - now).fractionalSeconds } ?? 0))]
        )
    }

    /// Of what this process decides: a daemon seldom enqueues, so that `requested` and `deduplicated` are mostly clusterctl's,
    /// which `coalescing show` has.
    private var coalescing: MetricFamily {
        let samples = evidence.totals.sorted { ($0.task, $0.outcome) < ($1.task, $1.outcome) }.map { total in
            MetricFamily.Sample(
                ["task": "\(total.task)", "outcome": total.outcome.replacing(" ", with: "_")],
                Double(total.count)
            )
        }
        return MetricFamily(
            "clusterops_coalescing_decisions_total",
            .counter,
            help: "What this process has decided on requests: executed, folded, deduplicated, or refused and why.",
            samples
        )
    }

    private func doorbells(_ counts: RingCounts) -> MetricFamily {
        MetricFamily(
            "clusterops_doorbell_datagrams_total",
            .counter,
            help:
                "Datagrams that came to the doorbell: those that woke, those that another one had covered, those refused.",
            [
                .init(["outcome": "covered"], Double(max(0, counts.rings - counts.wakes))),
                .init(["outcome": "refused"], Double(counts.malformed)),
                .init(["outcome": "woke"], Double(counts.wakes)),
            ]
        )
    }
}
