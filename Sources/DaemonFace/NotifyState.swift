/// Decides what a service manager is told.
///
/// Pure.
struct NotifyState: Sendable {
    /// The time for which systemd waits on for a daemon that begins; asked for again and again, because a database that
    /// is away is no reason to kill a daemon that waits for it.
    static let patience: Duration = .seconds(30)

    /// The time within which systemd must be notified of a live daemon; nil when it does not ask.
    private let watchdog: Duration?
    private var hasBeenReady = false
    private var isStopping = false
    private var said: (report: HealthReport, at: ContinuousClock.Instant)?
    private var fedAt: ContinuousClock.Instant?
    private var begged: ContinuousClock.Instant?

    init(watchdog: Duration?) {
        self.watchdog = watchdog
    }

    /// Returns the assignments to send now; none when nothing has changed.
    mutating func assignments(_ report: HealthReport, at now: ContinuousClock.Instant) -> [String] {
        var lines: [String] = []
        if report.isDraining, !isStopping {
            isStopping = true
            lines.append("STOPPING=1")
        }
        if report.isReady, !hasBeenReady {
            hasBeenReady = true
            lines.append("READY=1")
        }
        if !hasBeenReady, !isStopping, begged.map({ now - $0 >= Self.patience / 3 }) ?? true {
            begged = now
            lines.append("EXTEND_TIMEOUT_USEC=\(Self.patience.components.seconds * 1_000_000)")
        }
        if isNews(report, at: now) {
            said = (report, now)
            lines.append("STATUS=\(report.summary.replacing("\n", with: " "))")
        }
        // At half of the time, as sd_watchdog_enabled(3) recommends.
        if let watchdog, report.isLive, fedAt.map({ now - $0 >= watchdog / 2 }) ?? true {
            fedAt = now
            lines.append("WATCHDOG=1")
        }
        return lines
    }

    /// A change of the status is told at once, another reason for it now and then: most have an age in them.
    private func isNews(_ report: HealthReport, at now: ContinuousClock.Instant) -> Bool {
        guard let said else { return true }
        if said.report.status != report.status { return true }
        return said.report.summary != report.summary && now - said.at >= Self.rest
    }

    /// Between two reasons for the same status.
    private static let rest: Duration = .seconds(5)

    /// The longest pause before the next check.
    var pause: Duration {
        // A quarter, so that half is met however the looks fall.
        min(Self.look, watchdog.map { $0 / 4 } ?? Self.look)
    }

    /// Ready is said a quarter of a second late at most.
    private static let look: Duration = .milliseconds(250)

    /// Returns the assignments to send before a reload, by `monotonic` microseconds, as `reloaded()` does for after it;
    /// none to a manager that still waits for the first `READY=1`.
    func reloading(monotonic: UInt64) -> [String] {
        hasBeenReady && !isStopping ? ["RELOADING=1", "MONOTONIC_USEC=\(monotonic)"] : []
    }

    func reloaded() -> [String] { hasBeenReady && !isStopping ? ["READY=1"] : [] }
}
