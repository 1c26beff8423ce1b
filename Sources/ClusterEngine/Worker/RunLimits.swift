import Synchronization

/// The moments at which the run of an operation is ended: its deadline, and the time limit of the task that runs.
final class RunLimits: Sendable {
    private struct State {
        var limit: ContinuousClock.Instant?
        /// The limit that has come first, once one has.
        var hit: Hit?
        var isOver = false
    }

    private enum Hit {
        case deadline
        case limit
    }

    private let deadline: ContinuousClock.Instant?
    private let state = Mutex(State())

    init(deadline: ContinuousClock.Instant?) {
        self.deadline = deadline
    }

    /// A Boolean value that indicates whether the deadline has ended the run.
    var isPastDeadline: Bool { state.withLock { $0.hit == .deadline } }

    /// The next moment at which the run is to be ended.
    var next: ContinuousClock.Instant? { state.withLock { next($0) } }

    private func next(_ state: State) -> ContinuousClock.Instant? {
        [deadline, state.limit].compactMap(\.self).min()
    }

    /// A task begins, which is to take no longer than that.
    ///
    /// - Returns: Whether the run is to be ended sooner than it was until now.
    func begin(_ limit: Duration) -> Bool {
        state.withLock { state in
            let before = next(state)
            let until = ContinuousClock.now + limit
            state.limit = until
            return before.map { until < $0 } ?? true
        }
    }

    /// The task is over.
    ///
    /// - Returns: Whether its time limit had passed before.
    func end() -> Bool {
        state.withLock { state in
            state.limit = nil
            return state.hit == .limit
        }
    }

    /// The run is over; nothing ends it any more.
    func finish() { state.withLock { $0.isOver = true } }

    /// Ends the run if one of the moments has come.
    ///
    /// - Returns: Whether it has.
    func check(at now: ContinuousClock.Instant = .now) -> Bool {
        state.withLock { state in
            guard !state.isOver, state.hit == nil else { return true }
            if let deadline, deadline <= now {
                state.hit = .deadline
            } else if let limit = state.limit, limit <= now {
                state.hit = .limit
            }
            return state.hit != nil
        }
    }
}
