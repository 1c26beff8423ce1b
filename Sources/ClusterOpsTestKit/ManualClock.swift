import Synchronization

/// A clock that stands still until a test moves it, so that tests of time take none.
///
/// A test waits until the code under test sleeps (`waitForSleepers`), then moves the clock (`advance(by:)`). Code that
/// sleeps again does so from the new time, so a loop is stepped by doing both once a round.
public final class ManualClock: Clock {
    /// A point in time: what has passed since the clock was made.
    public struct Instant: InstantProtocol {
        /// The time since the clock was made.
        public let offset: Duration

        /// The instant this much later.
        public func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }

        /// The time from here to there; negative when it lies before.
        public func duration(to other: Instant) -> Duration { other.offset - offset }

        /// Orders by time.
        public static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct Sleeper {
        let number: UInt64
        let deadline: Instant
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct Watcher {
        let number: UInt64
        let count: Int
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = Instant(offset: .zero)
        var lastNumber: UInt64 = 0
        /// In the order in which they fall asleep.
        var sleepers: [Sleeper] = []
        var watchers: [Watcher] = []
        /// Those who were cancelled before they slept or watched.
        var cancelled: Set<UInt64> = []

        mutating func nextNumber() -> UInt64 {
            lastNumber += 1
            return lastNumber
        }

        mutating func satisfiedWatchers() -> [Watcher] {
            let satisfied = watchers.filter { $0.count <= sleepers.count }
            watchers.removeAll { $0.count <= sleepers.count }
            return satisfied
        }
    }

    private let state = Mutex(State())

    /// Makes a clock that stands at zero.
    public init() {}

    /// The present moment of the clock.
    public var now: Instant { state.withLock { $0.now } }

    /// The least step; the clock does not round.
    public var minimumResolution: Duration { .zero }

    /// The number of tasks that sleep now.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// Moves the clock and wakes those whose time has come: by deadline, and for one deadline by arrival.
    public func advance(by duration: Duration) {
        precondition(duration >= .zero, "time does not run backwards")
        let due = state.withLock { state in
            let now = state.now.advanced(by: duration)
            state.now = now
            let due = state.sleepers.filter { $0.deadline <= now }
            state.sleepers.removeAll { $0.deadline <= now }
            return due
        }
        for sleeper in due.sorted(by: { ($0.deadline, $0.number) < ($1.deadline, $1.number) }) {
            sleeper.continuation.resume()
        }
    }

    /// Returns once at least this many sleep.
    ///
    /// - Throws: `CancellationError`, as a time limit of the test would cause.
    public func waitForSleepers(_ count: Int) async throws {
        let number = state.withLock { $0.nextNumber() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(number) != nil { return .failure(CancellationError()) }
                    if state.sleepers.count >= count { return .success(()) }
                    state.watchers.append(Watcher(number: number, count: count, continuation: continuation))
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            cancel(number)
        }
    }

    /// Sleeps until the clock is moved to the deadline or past it.
    ///
    /// - Throws: `CancellationError` at once when the task is cancelled.
    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let number = state.withLock { $0.nextNumber() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (outcome, satisfied): (Result<Void, any Error>?, [Watcher]) = state.withLock { state in
                    if state.cancelled.remove(number) != nil { return (.failure(CancellationError()), []) }
                    if deadline <= state.now { return (.success(()), []) }
                    state.sleepers.append(Sleeper(number: number, deadline: deadline, continuation: continuation))
                    return (nil, state.satisfiedWatchers())
                }
                if let outcome { continuation.resume(with: outcome) }
                for watcher in satisfied { watcher.continuation.resume() }
            }
        } onCancel: {
            cancel(number)
        }
    }

    /// Ends the sleep or the watch of this number, or sees to it that it does not begin.
    ///
    /// When it is ending just now, its number stays behind among the cancelled: a few bytes, and never used again.
    private func cancel(_ number: UInt64) {
        let continuation: CheckedContinuation<Void, any Error>? = state.withLock { state in
            if let index = state.sleepers.firstIndex(where: { $0.number == number }) {
                return state.sleepers.remove(at: index).continuation
            }
            if let index = state.watchers.firstIndex(where: { $0.number == number }) {
                return state.watchers.remove(at: index).continuation
            }
            state.cancelled.insert(number)
            return nil
        }
        continuation?.resume(throwing: CancellationError())
    }
}
