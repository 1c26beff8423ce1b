import Synchronization

/// A value that comes once and may be awaited by many.
final class Promise<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var last: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Value?, Never>] = [:]
        /// Waiters that were cancelled before they began to wait.
        var cancelled: Set<UInt64> = []
    }

    private let state = Mutex(State())

    /// The value, if it has come.
    var current: Value? { state.withLock { $0.value } }

    /// Gives the value to all who wait and will wait.
    ///
    /// Only the first one counts.
    func fulfil(_ value: Value) {
        let waiters = state.withLock { state in
            guard state.value == nil else { return [CheckedContinuation<Value?, Never>]() }
            state.value = value
            defer { state.waiters.removeAll() }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume(returning: value) }
    }

    /// Waits for the value, also in a cancelled task.
    func value() async -> Value {
        let value = await wait(as: newWaiter())
        guard let value else {
            preconditionFailure("only a cancelled waiter gets nothing, and nobody cancels this one")
        }
        return value
    }

    /// Waits for the value until the task is cancelled.
    ///
    /// A value that has come wins over a cancellation.
    func valueUnlessCancelled() async throws(CancellationError) -> Value {
        let waiter = newWaiter()
        let value = await withTaskCancellationHandler {
            await wait(as: waiter)
        } onCancel: {
            cancel(waiter)
        }
        guard let value else { throw CancellationError() }
        return value
    }

    private func newWaiter() -> UInt64 {
        state.withLock { state in
            state.last += 1
            return state.last
        }
    }

    private func wait(as waiter: UInt64) async -> Value? {
        await withCheckedContinuation { continuation in
            let known: Value?? = state.withLock { state in
                if let value = state.value { return .some(value) }
                if state.cancelled.remove(waiter) != nil { return .some(nil) }
                state.waiters[waiter] = continuation
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    private func cancel(_ waiter: UInt64) {
        let continuation = state.withLock { state in
            guard state.value == nil else { return CheckedContinuation<Value?, Never>?.none }
            let continuation = state.waiters.removeValue(forKey: waiter)
            if continuation == nil { state.cancelled.insert(waiter) }
            return continuation
        }
        continuation?.resume(returning: nil)
    }
}
