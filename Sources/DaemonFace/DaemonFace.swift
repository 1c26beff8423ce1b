import ClusterDaemon
import ClusterEngine
import ClusterModel
import CoreMetrics
import Exposition
import Glibc
import Logging
import MariaDB
import ServiceLifecycle

/// What a daemon shows of itself: metrics and health by HTTP, and its state to the service manager that started it.
package struct DaemonFace: Sendable {
    private let health: Health
    private let notifier: ServiceNotifier
    private let surface: HTTPSurface?
    private let sampler: QueueSampler

    /// Keeps what the daemon records.
    package static func registry(logger: Logger) -> MetricsRegistry {
        MetricsRegistry(
            describing: [
                "clusterops_operation_wait": .init(
                    "From when an operation could run to its start, by the database's clock."
                ),
                "clusterops_operation_run": .init("From an operation's start until its handlers have returned."),
                "clusterops_operations_ended": .init(
                    "Operations that this process has ended, followers, the aborted, and those of dead workers included."
                ),
                "clusterops_attempts": .init("Attempts that are over, by how they ended."),
                "clusterops_maintenance_pass": .init(
                    "Passes that compare this node with what is wanted, and repair it."
                ),
            ],
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
                    var families = registry.recorded + [Self.ready(health.report)]
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

    /// What the daemon does at signals: it says so, and reloads.
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

    private static func ready(_ report: HealthReport) -> MetricFamily {
        MetricFamily("clusterops_ready", .gauge, help: "1 while /readyz says 200.", report.isReady ? 1 : 0)
    }
}
