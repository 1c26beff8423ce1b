import ClusterDaemon
import ClusterEngine
import ClusterModel
import CoreMetrics
import Exposition
import Glibc
import Logging
import MariaDB
import ServiceLifecycle

/// The outside view of a daemon: metrics and health by HTTP, and its state to the service manager that started it.
package struct DaemonFace: Sendable {
    private let health: Health
    private let notifier: ServiceNotifier
    private let surface: HTTPSurface?
    private let sampler: QueueSampler

    /// The metrics of both daemons.
    package static let metrics =
        recordedMetrics + [ready, buildInfo] + WorkSources.metrics + QueueSampler.metrics + DatabaseMetrics.metrics

    /// The metrics that a worker records by swift-metrics.
    private static let recordedMetrics = [
        MetricDefinition(
            "clusterops_operation_wait_seconds",
            .histogram,
            labels: ["task", "lane"],
            help: "For each start, the time since the operation could run, by the database's clock: its part of "
                + "'wait_seconds'."
        ),
        MetricDefinition(
            "clusterops_operation_run_seconds",
            .histogram,
            labels: ["task", "lane"],
            help: "From an operation's start until its handlers have returned."
        ),
        MetricDefinition(
            "clusterops_attempts_total",
            .counter,
            labels: ["task", "outcome"],
            help: "Attempts that are over: succeeded, failed, deferred, handed_back, node_cannot, expired or overran."
        ),
        MetricDefinition(
            "clusterops_operations_ended_total",
            .counter,
            labels: ["state"],
            help: "Operations that this process has ended, with followers, aborted ones and those of dead workers."
        ),
        MetricDefinition(
            "clusterops_database_server",
            .gauge,
            labels: ["server"],
            help: "1 for the database server on which this process last renewed its session, 0 for those before."
        ),
        MetricDefinition(
            "clusterops_tasks_unstartable",
            .gauge,
            help: "Tasks of this process that cannot be started on its node; 'node show' names them."
        ),
    ]

    private static let ready = MetricDefinition("clusterops_ready", .gauge, help: "1 while /readyz answers 200.")
    private static let buildInfo = MetricDefinition(
        "clusterops_build_info",
        .gauge,
        labels: ["version", "schema"],
        help: "Always 1; its labels are the program's version and that of the schema that it is for."
    )

    private static var build: MetricFamily {
        let labels: MetricLabels = ["version": ProgramVersion.current, "schema": "\(WorkPulse.schemaOfProgram)"]
        return buildInfo.family([.init(labels, 1)])
    }

    /// Returns a registry that keeps what the daemon records.
    ///
    /// - Parameters:
    ///   - logger: Told once of each metric that has too many sets of labels.
    ///   - more: The recorded metrics of this daemon beside those of its worker.
    /// - Returns: The registry, empty.
    package static func registry(logger: Logger, more: [MetricDefinition] = []) -> MetricsRegistry {
        MetricsRegistry(
            describing: Dictionary(
                uniqueKeysWithValues: (recordedMetrics + more).map { metric in
                    // The registry adds the unit to the label under which a metric is recorded.
                    (metric.name.replacing(/_(seconds|total)$/, with: ""), .init(metric.help))
                }
            ),
            complain: { logger.warning("metrics are cut short", metadata: ["reason": "\($0)"]) }
        )
    }

    /// Creates it; nothing is shown before its services run.
    ///
    /// - Parameters:
    ///   - daemon: Whose face it is.
    ///   - context: What the daemon was given.
    ///   - address: Where to listen; nil is nowhere.
    ///   - registry: What the daemon records into.
    ///   - work: Of its worker.
    ///   - checks: Beside those of the worker.
    ///   - sources: Beside the worker's; their families are merged where they have one name.
    package init(
        _ daemon: DaemonName,
        context: DaemonContext,
        address: HostPort?,
        registry: MetricsRegistry,
        work: WorkSources,
        checks: [@Sendable () -> Finding] = [],
        sources: [@Sendable () async -> [MetricFamily]] = []
    ) {
        let (pulse, configuration) = (work.pulse, context.configuration)
        let judge = WorkHealth(lease: configuration.session.lease, pollInterval: configuration.worker.pollInterval)
        let health = Health(
            [
                { judge.session(pulse.reading, at: .now) },
                { judge.claims(pulse.reading, at: .now) },
                { WorkHealth.schema(pulse.reading) },
            ] + checks
        )
        let sampler = QueueSampler(database: work.database, queues: work.queues)
        self.health = health
        self.sampler = sampler
        notifier = ServiceNotifier(health: health, environment: context.environment, process: getpid())
        surface = address.map { address in
            HTTPSurface(
                address: address,
                key: "http.\(daemon.rawValue)",
                health: health,
                metrics: {
                    var families = registry.recorded
                    families += [Self.ready.family(health.report.isReady ? 1 : 0), Self.build]
                    families += await work.families()
                    families += await sampler.families()
                    for source in sources { families += await source() }
                    return MetricFamily.merged(families)
                },
                logger: context.logger
            )
        }
    }

    /// To stand before all others, so that they end last.
    package var services: [any Service] {
        [notifier, sampler] + (surface.map { [$0] } ?? [])
    }

    /// Returns the daemon's reactions to signals: it shows them in its state, and reloads.
    package func reactions(
        reload: ConfigurationReload,
        onImmediateStop: @escaping @Sendable () -> Void = {}
    ) -> Daemon.Reactions {
        let (health, notifier) = (health, notifier)
        var reactions = Daemon.Reactions()
        reactions.onDraining = {
            health.drain()
            notifier.look()
        }
        reactions.onReload = {
            notifier.reloading()
            reload.run()
            notifier.reloaded()
        }
        reactions.onImmediateStop = onImmediateStop
        return reactions
    }
}
