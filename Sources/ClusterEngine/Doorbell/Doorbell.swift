import ClusterModel
import ServiceLifecycle
import Synchronization

/// A doorbell at which a worker's loop waits when it has found nothing to do.
///
/// A ring while nobody waits is remembered, once: the next wait ends at once, and however often it rang, one wait does.
/// A ring while somebody waits wakes everyone who waits now. A loop that must miss no ring therefore has a doorbell of
/// its own; a `DoorbellListener` rings several. Losing a ring costs one slow poll, never an operation.
package final class Doorbell: Sendable {
    /// The reason for which a wait ended.
    package enum Wake: Sendable, Hashable {
        /// Somebody rang.
        case rung
        /// Nobody rang in time: it is time for the poll that is the safety net.
        case timedOut
        /// The service shuts down gracefully, or its task was cancelled.
        case shutDown
    }

    /// The state of a waiter; it may be woken before its continuation exists.
    private enum Waiting {
        case announced
        case suspended(CheckedContinuation<Wake, Never>)
        case woken(Wake)
    }

    private struct State {
        var isRung = false
        /// A Boolean value that indicates whether anybody else has rung since that was last asked for.
        var isCalled = false
        var waiting: [UInt64: Waiting] = [:]
        var lastWaiter: UInt64 = 0
    }

    private let state = Mutex(State())
    private let timers: any Timers

    /// Makes a doorbell that has not rung.
    package convenience init() { self.init(timers: Alarms.shared) }

    /// Makes a doorbell that has not rung, with what ends a wait whose time is over.
    init(timers: any Timers) {
        self.timers = timers
    }

    /// Rings for somebody else, whose reason is not known; no limit applies.
    package func ring() { ring(isCall: true) }

    /// Rings for what this process itself has done, such as a slot that has fallen free.
    func nudge() { ring(isCall: false) }

    /// Tells whether anybody else has rung since this was last asked.
    func takeCall() -> Bool {
        state.withLock { state in
            defer { state.isCalled = false }
            return state.isCalled
        }
    }

    private func ring(isCall: Bool) {
        let suspended = state.withLock { state in
            if isCall { state.isCalled = true }
            var suspended: [CheckedContinuation<Wake, Never>] = []
            var hasWoken = false
            for (waiter, waiting) in state.waiting {
                switch waiting {
                case .announced: state.waiting[waiter] = .woken(.rung)
                case .suspended(let continuation):
                    state.waiting[waiter] = nil
                    suspended.append(continuation)
                case .woken: continue
                }
                hasWoken = true
            }
            if !hasWoken { state.isRung = true }
            return suspended
        }
        for continuation in suspended { continuation.resume(returning: .rung) }
    }

    /// Waits until it rings, until the time is over, or until the caller is to stop, whichever comes first.
    ///
    /// - Parameter timeout: how long to wait at most.
    /// - Returns: Which of the three it was; a ring that was not waited for stays remembered.
    package func wait(upTo timeout: Duration) async -> Wake {
        if Task.isCancelled || Task.isShuttingDownGracefully { return .shutDown }
        guard let waiter = announce() else { return .rung }
        // No task that sleeps: it would have to end before the one that was rung goes on.
        let timer = timers.set(after: timeout) { self.wake(waiter, .timedOut) }
        defer { timers.callOff(timer) }
        return await withTaskCancellationOrGracefulShutdownHandler {
            await suspend(waiter)
        } onCancelOrGracefulShutdown: {
            self.wake(waiter, .shutDown)
        }
    }

    /// Enters a waiter, or takes the ring that was remembered and returns nil.
    private func announce() -> UInt64? {
        state.withLock { state in
            guard !state.isRung else {
                state.isRung = false
                return nil
            }
            state.lastWaiter += 1
            state.waiting[state.lastWaiter] = .announced
            return state.lastWaiter
        }
    }

    private func suspend(_ waiter: UInt64) async -> Wake {
        await withCheckedContinuation { continuation in
            let wake: Wake? = state.withLock { state in
                guard case .woken(let wake) = state.waiting[waiter] else {
                    state.waiting[waiter] = .suspended(continuation)
                    return nil
                }
                state.waiting[waiter] = nil
                return wake
            }
            if let wake { continuation.resume(returning: wake) }
        }
    }

    /// Wakes one waiter, unless something else has woken it already.
    private func wake(_ waiter: UInt64, _ wake: Wake) {
        let suspended: CheckedContinuation<Wake, Never>? = state.withLock { state in
            switch state.waiting[waiter] {
            case .announced:
                state.waiting[waiter] = .woken(wake)
                return nil
            case .suspended(let continuation):
                state.waiting[waiter] = nil
                return continuation
            case .woken, nil:
                return nil
            }
        }
        suspended?.resume(returning: wake)
    }
}
