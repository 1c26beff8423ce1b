import ClusterModel
import Dispatch
import HeapModule
import Synchronization

/// A clock whose sleepers leave nothing behind when they are called off.
///
/// A sleep by one of the runtime's own clocks that is cancelled leaves its timer, 0.7 KB, with the executor until it
/// would have been over. The time limits of short operations are called off as a rule, and so are the polls of a loop
/// that is rung: thousands a second, which would be kept for the minutes or hours that they were to last.
package struct AlarmClock: Clock {
    package init() {}

    package var now: ContinuousClock.Instant { .now }
    package var minimumResolution: Duration { ContinuousClock().minimumResolution }

    package func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration? = nil) async throws {
        guard await Wakeup().wait(until: deadline) == .due else { throw CancellationError() }
    }
}

/// Wakes one sleeper, by what comes first: a call, a moment, or the cancellation of its task.
final class Wakeup: Sendable {
    enum Reason: Sendable, Hashable {
        /// Somebody has called, perhaps before it slept.
        case called
        /// The time is over, or somebody wants it to be looked at again.
        case due
        case cancelled
    }

    private struct State {
        var isCalled = false
        /// The reason that came before the continuation did.
        var early: Reason?
        var sleeper: CheckedContinuation<Reason, Never>?
    }

    private let state = Mutex(State())

    /// Wakes the sleeper, and whoever sleeps from now on.
    func call() { wake(.called) }

    /// Lets the sleeper look at its time again.
    func nudge() { wake(.due) }

    /// Sleeps.
    ///
    /// - Parameters:
    ///   - due: When to wake unasked; who was nudged wakes earlier.
    ///   - alarms: The timer.
    /// - Returns: What has woken it.
    func wait(until due: ContinuousClock.Instant? = nil, alarms: Alarms = .shared) async -> Reason {
        let alarm = due.map { alarms.set($0) { self.wake(.due) } }
        defer { if let alarm { alarms.callOff(alarm) } }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { sleeper in
                let reason: Reason? = state.withLock { state in
                    if let early = state.isCalled ? .called : state.early {
                        state.early = nil
                        return early
                    }
                    state.sleeper = sleeper
                    return nil
                }
                if let reason { sleeper.resume(returning: reason) }
            }
        } onCancel: {
            wake(.cancelled)
        }
    }

    private func wake(_ reason: Reason) {
        let sleeper = state.withLock { state in
            if reason == .called { state.isCalled = true }
            if state.sleeper == nil { state.early = reason }
            defer { state.sleeper = nil }
            return state.sleeper
        }
        sleeper?.resume(returning: reason)
    }
}

/// Things that call back once a time is over, unless they are called off before.
protocol Timers: Sendable {
    /// Sets a timer.
    ///
    /// - Returns: Its number.
    func set(after pause: Duration, _ wake: @escaping @Sendable () -> Void) -> UInt64

    /// Calls a timer off; its call may be under way.
    func callOff(_ number: UInt64)
}

/// The alarms of sleepers, who share one timer.
final class Alarms: Timers {
    static let shared = Alarms()

    private struct Alarm: Comparable {
        let due: ContinuousClock.Instant
        let number: UInt64

        static func < (one: Self, other: Self) -> Bool {
            (one.due, one.number) < (other.due, other.number)
        }
    }

    private struct State {
        /// Those that were called off are dropped when they are half of all.
        var alarms = Heap<Alarm>()
        /// By number, the call that wakes each of them.
        var sleepers: [UInt64: @Sendable () -> Void] = [:]
        var lastNumber: UInt64 = 0
        /// The time for which the timer is set, if it is.
        var timerDue: ContinuousClock.Instant?
        let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "clusterops.alarms"))
    }

    /// Alarms that may be kept besides those of sleepers, so that few are not sorted again and again.
    static let mostCalledOff = 64
    /// A timer that goes off before the first alarm is set again: it stands still while the machine is suspended, and
    /// the clock of the alarms does not.
    private static let longestTimer: Duration = .seconds(10)

    private let state = Mutex(State())

    init() {
        state.withLock { state in
            state.timer.setEventHandler { [weak self] in self?.fire() }
            state.timer.activate()
        }
    }

    deinit { state.withLock { $0.timer.cancel() } }

    /// The number of alarms that take memory.
    var count: Int { state.withLock { $0.alarms.count } }

    func set(after pause: Duration, _ wake: @escaping @Sendable () -> Void) -> UInt64 { set(.now + pause, wake) }

    /// Sets an alarm.
    ///
    /// - Returns: Its number.
    func set(_ due: ContinuousClock.Instant, _ wake: @escaping @Sendable () -> Void) -> UInt64 {
        state.withLock { state in
            state.lastNumber += 1
            state.sleepers[state.lastNumber] = wake
            state.alarms.insert(Alarm(due: due, number: state.lastNumber))
            setTimer(&state)
            return state.lastNumber
        }
    }

    func callOff(_ number: UInt64) {
        state.withLock { state in
            state.sleepers[number] = nil
            guard state.alarms.count > 2 * state.sleepers.count + Self.mostCalledOff else { return }
            let sleepers = state.sleepers
            state.alarms = Heap(state.alarms.unordered.filter { sleepers[$0.number] != nil })
        }
    }

    /// Sets the timer for the first alarm, unless it goes off by then anyway.
    private func setTimer(_ state: inout State) {
        guard let first = state.alarms.min, state.timerDue.map({ first.due < $0 }) ?? true else { return }
        state.timerDue = first.due
        let left = min(max(.zero, first.due - .now), Self.longestTimer)
        state.timer.schedule(deadline: .now() + .microseconds(Int(left.wholeMicroseconds) + 1))
    }

    /// Wakes everybody whose time has come.
    private func fire() {
        let due = state.withLock { state in
            var due: [@Sendable () -> Void] = []
            let now = ContinuousClock.now
            while let first = state.alarms.min, first.due <= now {
                state.alarms.removeMin()
                if let sleeper = state.sleepers.removeValue(forKey: first.number) { due.append(sleeper) }
            }
            state.timerDue = nil
            setTimer(&state)
            return due
        }
        for wake in due { wake() }
    }
}
