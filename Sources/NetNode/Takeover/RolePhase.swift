import ClusterEngine
import Synchronization

/// The phase of this node in the elected role.
///
/// Pure. A call about a tenure that has been retired changes nothing, however late it comes.
struct RolePhase: Sendable {
    private struct Current {
        let tenure: Tenure
        let begunAt: ContinuousClock.Instant
        /// The time at which its gate was last opened; nil before.
        var heardAt: ContinuousClock.Instant?
        var isSilent = false
    }

    private var current: Current?
    /// The tenure that was retired last; not its term, because a restored database counts again from an earlier one.
    private var retired: Tenure?
    /// A tenure that has not begun, and the time at which it was first asked about.
    private var waiting: (tenure: Tenure, since: ContinuousClock.Instant)?

    /// The tenure whose gate was opened, and has not been closed for good since.
    var heard: Tenure? {
        guard let current, current.heardAt != nil, !current.isSilent else { return nil }
        return current.tenure
    }

    /// The tenure that has begun and is not retired yet.
    var begun: Tenure? { current?.tenure }

    /// A Boolean value that indicates whether a tenure has begun that is not retired yet.
    var hasBegun: Bool { current != nil }

    /// Begins a tenure.
    ///
    /// - Returns: False when it is over or retired already: then nothing may be done under it.
    mutating func begin(_ tenure: Tenure, at now: ContinuousClock.Instant) -> Bool {
        guard tenure !== retired, !tenure.isOver else { return false }
        current = Current(tenure: tenure, begunAt: now)
        return true
    }

    /// Notes that the gate is open under a tenure.
    mutating func opened(_ tenure: Tenure, at now: ContinuousClock.Instant) {
        guard current?.tenure === tenure else { return }
        current?.heardAt = now
    }

    /// Notes that a tenure's gate is closed for good.
    mutating func silence(_ tenure: Tenure) {
        guard current?.tenure === tenure else { return }
        current?.isSilent = true
    }

    /// Ends a tenure, or keeps one that has not begun from beginning.
    mutating func retire(_ tenure: Tenure) {
        retired = tenure
        if current?.tenure === tenure { current = nil }
    }

    /// Returns the time for which the gate has been closed under a tenure that should serve; before the tenure begins,
    /// the time since the first call.
    mutating func unheard(_ tenure: Tenure, at now: ContinuousClock.Instant) -> Duration {
        if let current, current.tenure === tenure { return now - (current.heardAt ?? current.begunAt) }
        if let waiting, waiting.tenure === tenure { return now - waiting.since }
        waiting = (tenure, now)
        return .zero
    }
}

/// The place where a node's ``RolePhase`` is kept, for the coordinator and for the reconcile loop.
final class RoleRecord: Sendable {
    let phase = Mutex(RolePhase())

    /// The tenure that has begun and is not retired yet: findings are recorded under it.
    var tenure: Tenure? { phase.withLock { $0.begun } }
}
