import ClusterEngine
import CoreMetrics
import Metrics
import Synchronization

/// The results of maintenance, for metrics and health.
package final class MaintenanceRecord: Sendable {
    package struct Drift: Sendable, Hashable {
        /// Networks that were found broken between two passes, each time that it was tried to repair them.
        package var found = 0
        /// Those of them that the kernel had as they are wanted afterwards.
        package var repaired = 0
    }

    /// The time at which the last pass succeeded, and what went wrong since.
    package let progress = Progress()
    private let counted = Mutex(Drift())
    private let passes: Timer
    private let failures: Timer

    /// Records by a factory; by default by the process's.
    package init(factory: any MetricsFactory = MetricsSystem.factory) {
        func timer(_ outcome: String) -> Timer {
            Timer(label: "clusterops_maintenance_pass", dimensions: [("outcome", outcome)], factory: factory)
        }
        passes = timer("succeeded")
        failures = timer("failed")
    }

    package var drift: Drift { counted.withLock { $0 } }

    func passed(in time: Duration) { passes.record(duration: time) }
    func failed(after time: Duration) { failures.record(duration: time) }

    func found(_ count: Int, repaired: Int) {
        counted.withLock { drift in
            drift.found += count
            drift.repaired += repaired
        }
    }
}
