import ClusterModel
import Synchronization

/// A setting that may change while the daemon runs.
///
/// Whoever goes by it asks anew each time; `revision` tells that it was changed since, whatever it is now.
package final class Adjustable<Value: Sendable>: Sendable {
    private struct State: Sendable {
        var value: Value
        var revision = 0
    }

    private let state: Mutex<State>

    package init(_ value: Value) {
        state = Mutex(State(value: value))
    }

    /// The value that holds now.
    package var value: Value { state.withLock { $0.value } }

    /// The value that holds now, and the number of changes that led to it.
    package var current: (value: Value, revision: Int) { state.withLock { ($0.value, $0.revision) } }

    package func set(_ value: Value) {
        state.withLock { state in
            state.value = value
            state.revision += 1
        }
    }
}
