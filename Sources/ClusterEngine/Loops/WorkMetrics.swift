import ClusterModel
import CoreMetrics
import MariaDB
import Metrics
import Synchronization

/// Measures what a worker does, for whatever metrics backend the process has set up; without one it costs next to
/// nothing.
///
/// Cardinality is bounded: a task is one of the worker's handlers', a lane one of five, an outcome one of eight words.
/// Operations, networks and nodes are never dimensions.
///
/// - `clusterops_operation_wait`, by `task` and `lane`: timer, from when it could run to its start.
/// - `clusterops_operation_run`, by `task` and `lane`: timer, from its start to what its handlers have returned.
/// - `clusterops_attempts`, by `task` and `outcome`: counter of attempts that are over.
/// - `clusterops_database_server`, by `server`: gauge, 1 for the database server that the session was renewed on, 0 for
///   those before.
/// - `clusterops_tasks_unstartable`: gauge of tasks that this node has registered and cannot start.
/// - `clusterops_operations_ended`, by `state`: counter of operations that this process has ended, followers and the
///   aborted included.
package final class WorkMetrics: Sendable {
    private struct TimerKey: Hashable {
        let label: String
        let task: TaskName
        let lane: Lane
    }

    private struct CounterKey: Hashable {
        let task: TaskName
        let outcome: String
    }

    /// Made once each: a backend may look a metric up under a lock, or make a new one at every call.
    private struct Made {
        var timers: [TimerKey: Timer] = [:]
        var counters: [CounterKey: Counter] = [:]
        var ends: [OperationState: Counter] = [:]
        var servers: [String: Gauge] = [:]
    }

    private let factory: any MetricsFactory
    private let made = Mutex(Made())

    /// Records by a factory; by default by the process's, as it is set up when this is made.
    package init(factory: any MetricsFactory = MetricsSystem.factory) {
        self.factory = factory
    }

    /// An operation was claimed, and starts.
    package func started(_ operation: Operation) {
        guard let task = operation.tasks.first, let started = operation.startedAt else { return }
        // Both are the database's times. It may have been made ready by the statement that claimed it.
        let wait = max(0, started.microseconds - operation.couldRunSince.microseconds)
        timer("clusterops_operation_wait", task, operation.queue.lane).recordMicroseconds(wait)
    }

    /// Records the duration and the outcome of an operation that was started and is over.
    package func ended(_ operation: Operation, _ report: AttemptReport, after duration: Duration) {
        guard let task = operation.tasks.first else { return }
        timer("clusterops_operation_run", task, operation.queue.lane).record(duration: duration)
        counter(task, report.word).increment()
    }

    /// Operations have ended, and that is written down.
    package func ended(_ states: [OperationState: Int]) {
        for (state, count) in states { counter(state).increment(by: count) }
    }

    /// The session was renewed on a database server.
    func renewed(on server: String) {
        made.withLock { made in
            if made.servers[server] == nil {
                let dimensions = [("server", server)]
                made.servers[server] = Gauge(
                    label: "clusterops_database_server",
                    dimensions: dimensions,
                    factory: factory
                )
            }
            for (name, gauge) in made.servers { gauge.record(name == server ? 1 : 0) }
        }
    }

    /// So many tasks cannot be started on this node.
    func unstartable(_ count: Int) {
        Gauge(label: "clusterops_tasks_unstartable", dimensions: [], factory: factory).record(count)
    }

    private func counter(_ state: OperationState) -> Counter {
        made.withLock { made in
            if let counter = made.ends[state] { return counter }
            let counter = Counter(
                label: "clusterops_operations_ended",
                dimensions: [("state", state.rawValue)],
                factory: factory
            )
            made.ends[state] = counter
            return counter
        }
    }

    private func timer(_ label: String, _ task: TaskName, _ lane: Lane) -> Timer {
        let key = TimerKey(label: label, task: task, lane: lane)
        return made.withLock { made in
            if let timer = made.timers[key] { return timer }
            let dimensions = [("task", task.description), ("lane", lane.rawValue)]
            let timer = Timer(label: label, dimensions: dimensions, factory: factory)
            made.timers[key] = timer
            return timer
        }
    }

    private func counter(_ task: TaskName, _ outcome: String) -> Counter {
        let key = CounterKey(task: task, outcome: outcome)
        return made.withLock { made in
            if let counter = made.counters[key] { return counter }
            let dimensions = [("task", task.description), ("outcome", outcome)]
            let counter = Counter(label: "clusterops_attempts", dimensions: dimensions, factory: factory)
            made.counters[key] = counter
            return counter
        }
    }
}
