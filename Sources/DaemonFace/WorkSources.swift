import ClusterDaemon
import ClusterEngine
import ClusterModel
import Exposition
import MariaDB

/// The sources of what is shown of a worker beside what it records itself.
package struct WorkSources: Sendable {
    let database: Database
    let pulse: WorkPulse
    let counters: CoalescingCounters
    let doorbell: DoorbellService
    /// Those that it drains now.
    let queues: @Sendable () -> [QueueName]

    package init(
        database: Database,
        pulse: WorkPulse,
        counters: CoalescingCounters,
        doorbell: DoorbellService,
        queues: @escaping @Sendable () -> [QueueName]
    ) {
        self.database = database
        self.pulse = pulse
        self.counters = counters
        self.doorbell = doorbell
        self.queues = queues
    }

    func families() async -> [MetricFamily] {
        await DatabaseMetrics.families(database, pool: "work") + [
            session(pulse.reading, at: .now),
            coalescing,
            Self.unconfirmedFlushes.family(counters.unconfirmedFlushes),
            Self.unreadableOperations.family(counters.unreadableCount),
            doorbells(await doorbell.counts),
        ]
    }

    private func session(_ reading: WorkPulse.Reading, at now: ContinuousClock.Instant) -> MetricFamily {
        Self.leaseMargin.family([.init([:], max(0, reading.heldUntil.map { ($0 - now).fractionalSeconds } ?? 0))])
    }

    /// Of what this process decides: a daemon seldom enqueues, so that `requested` and `deduplicated` are mostly
    /// clusterctl's, which `coalescing show` has.
    private var coalescing: MetricFamily {
        let samples = counters.totals.sorted { ($0.task, $0.outcome) < ($1.task, $1.outcome) }.map { total in
            MetricFamily.Sample(
                ["task": "\(total.task)", "outcome": total.outcome.replacing(" ", with: "_")],
                Double(total.count)
            )
        }
        return Self.decisions.family(samples)
    }

    private func doorbells(_ counts: RingCounts) -> MetricFamily {
        Self.datagrams.family([
            .init(["outcome": "covered"], Double(max(0, counts.rings - counts.wakes))),
            .init(["outcome": "refused"], Double(counts.malformed)),
            .init(["outcome": "woke"], Double(counts.wakes)),
        ])
    }

    // MARK: Definitions

    static let metrics = [leaseMargin, decisions, unconfirmedFlushes, unreadableOperations, datagrams]

    private static let leaseMargin = MetricDefinition(
        "clusterops_session_lease_margin_seconds",
        .gauge,
        help: "How long the session would last without another renewal; 0 when none is held."
    )
    private static let decisions = MetricDefinition(
        "clusterops_coalescing_decisions_total",
        .counter,
        labels: ["task", "outcome"],
        help: "Decisions of this process on requests: executed, folded, deduplicated, or refused and why."
    )
    private static let unconfirmedFlushes = MetricDefinition(
        "clusterops_evidence_unconfirmed_flushes_total",
        .counter,
        help: "Writes of coalescing counters whose COMMIT has an unknown outcome; 'coalescing show' may lack them."
    )
    private static let unreadableOperations = MetricDefinition(
        "clusterops_unreadable_operations_total",
        .counter,
        help: "Operations left in their queue because this program cannot decode them."
    )
    private static let datagrams = MetricDefinition(
        "clusterops_doorbell_datagrams_total",
        .counter,
        labels: ["outcome"],
        help: "Datagrams at the doorbell that woke the worker, were covered by another one, or were refused."
    )
}
