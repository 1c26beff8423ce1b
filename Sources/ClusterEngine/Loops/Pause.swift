import ServiceLifecycle

/// The way in which a pause ended.
package enum Pause: Sendable, Hashable {
    /// The whole time has passed.
    case elapsed
    /// The service shuts down gracefully, or its task was cancelled.
    case cutShort
}

/// Sleeps, and stops sleeping at graceful shutdown, which does not end a plain `Task.sleep`.
///
/// A service that works at intervals is a loop `while await pause(for: interval) == .elapsed`.
///
/// - Parameters:
///   - duration: how long to sleep.
///   - clock: what to go by.
/// - Returns: Whether the whole time has passed.
package func pause(for duration: Duration, clock: some Clock<Duration> = AlarmClock()) async -> Pause {
    if Task.isCancelled || Task.isShuttingDownGracefully { return .cutShort }
    do {
        try await cancelWhenGracefulShutdown { try await clock.sleep(for: duration) }
        return .elapsed
    } catch {
        // A clock throws for one reason only: the sleep was cancelled.
        return .cutShort
    }
}
