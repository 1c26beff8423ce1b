import ClusterEngine
import ClusterModel
import ServiceLifecycle
import Synchronization

/// Tells the service manager, if one started this process and asked for it, what the daemon does.
package final class ServiceNotifier: Service {
    private let socket: NotifySocket?
    private let health: Health
    private let state: Mutex<NotifyState>

    /// Goes by the variables that systemd sets.
    ///
    /// - Parameters:
    ///   - health: What it tells.
    ///   - environment: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` of it.
    ///   - process: The watchdog is for this process, unless `WATCHDOG_PID` names another.
    package init(health: Health, environment: [String: String], process: Int32) {
        self.health = health
        socket = NotifySocket(environment["NOTIFY_SOCKET"])
        var watchdog: Duration?
        if let microseconds = environment["WATCHDOG_USEC"].flatMap(Int64.init), microseconds > 0,
            environment["WATCHDOG_PID"].map({ Int32($0) == process }) ?? true
        {
            watchdog = .microseconds(microseconds)
        }
        state = Mutex(NotifyState(watchdog: watchdog))
    }

    /// Looks and tells until it is cancelled, which is when all else has ended.
    package func run() async throws {
        guard socket != nil else { return try await gracefulShutdown() }
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            look()
            _ = await pause(for: state.withLock { $0.pause })
        }
    }

    /// Tells what has changed since the last look.
    package func look() {
        let report = health.report
        say(state.withLock { $0.assignments(report, at: .now) })
    }

    /// Tells that a reload begins.
    package func reloading() { say(state.withLock { $0.reloading(monotonic: monotonicMicroseconds()) }) }
    /// Tells that it is over.
    package func reloaded() { say(state.withLock { $0.reloaded() }) }

    private func say(_ assignments: [String]) {
        if !assignments.isEmpty { socket?.send(assignments) }
    }
}
