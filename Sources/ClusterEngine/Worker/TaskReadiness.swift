import ClusterModel
import Synchronization

/// The obstacles that keep this node from running its tasks: those that its handlers see before a start, and those that
/// starts have shown.
final class TaskReadiness: Sendable {
    /// The interval at which handlers are asked: a program that was installed is used within this time, and a busy
    /// worker, which turns thousands of times a second, does not look at files as often.
    private static let pace: Duration = .seconds(1)

    private struct State {
        var rests = TaskRests()
        /// By what the handlers said when they were last asked.
        var seen: [TaskName: TaskObstacle] = [:]
        var askedAt: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    /// Takes note of a fault of this node.
    func failed(_ task: TaskName, _ reason: String) {
        state.withLock { $0.rests.failed(task, reason, at: .now) }
    }

    func started(_ tasks: [TaskName]) {
        state.withLock { $0.rests.started(tasks) }
    }

    /// The tasks that are not to be claimed now, and why.
    ///
    /// Called by one loop.
    func obstacles(of handlers: [any TaskHandler]) async -> [TaskName: TaskObstacle] {
        let now = ContinuousClock.now
        let (isDue, old) = state.withLock { state in
            let isDue = state.askedAt.map { $0 + Self.pace <= now } ?? true
            if isDue { state.askedAt = now }
            return (isDue, state.seen)
        }
        var seen = old
        if isDue {
            seen = [:]
            for handler in handlers {
                guard let reason = await handler.obstacle else { continue }
                let name = handler.definition.name
                seen[name] = TaskObstacle(reason, since: old[name]?.since ?? now)
            }
        }
        return state.withLock { [seen] state in
            state.seen = seen
            return state.rests.obstacles(at: .now).merging(seen) { _, seen in seen }
        }
    }

    /// Has the handlers asked at the next look, because they are others.
    func forgetHandlers() {
        state.withLock { $0.askedAt = nil }
    }
}
