import ClusterModel

/// The reason for which this node cannot run a task now.
struct TaskObstacle: Sendable, Hashable {
    /// The most that is written of a reason, in characters: its column's length.
    static let longestReason = 1000

    let reason: String
    /// The moment at which it was found.
    let since: ContinuousClock.Instant

    init(_ reason: String, since: ContinuousClock.Instant) {
        self.reason = String(reason.prefix(Self.longestReason))
        self.since = since
    }
}

/// The tasks that this node leaves to others for a while, because they could not be started here; pure.
///
/// A fault of the node is not the operation's: it is handed back, and without a rest this node, which always has a
/// free slot, would take it again at once, and all others after it.
struct TaskRests: Sendable {
    /// After the first fault: longer than a poll, so that another node has looked meanwhile.
    static let first: Duration = .seconds(5)
    /// Doubled at each fault up to this: a program that was repaired is used again within five minutes, and an
    /// operation that only this node may run is handed back twelve times an hour, not thousands of times.
    static let longest: Duration = .seconds(300)

    private struct Rest {
        var faults = 0
        var until: ContinuousClock.Instant
        var obstacle: TaskObstacle
    }

    private var rests: [TaskName: Rest] = [:]

    /// Takes note that a task could not be started.
    ///
    /// Operations that were started together fail together: while it rests, that counts once.
    mutating func failed(_ task: TaskName, _ reason: String, at now: ContinuousClock.Instant) {
        var rest = rests[task] ?? Rest(until: now, obstacle: TaskObstacle(reason, since: now))
        guard rest.faults == 0 || rest.until <= now else { return }
        rest.obstacle = TaskObstacle(reason, since: rest.obstacle.since)
        // Beyond six doublings it is the longest in any case.
        rest.until = now + min(Self.first * (1 << min(rest.faults, 6)), Self.longest)
        rest.faults += 1
        rests[task] = rest
    }

    /// Takes note that tasks were started: the next fault is the first again.
    mutating func started(_ tasks: [TaskName]) {
        for task in tasks { rests[task] = nil }
    }

    /// The tasks that rest.
    func obstacles(at now: ContinuousClock.Instant) -> [TaskName: TaskObstacle] {
        rests.filter { $0.value.until > now }.mapValues(\.obstacle)
    }
}
