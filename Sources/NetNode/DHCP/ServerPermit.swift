import Synchronization

/// Whether servers may be started, asked before and after everything that takes time.
package final class ServerPermit: Sendable {
    /// The time between an opening and the next closing: work that began in one does not go on in another.
    package struct Epoch: Sendable, Hashable {
        fileprivate let number: Int
    }

    private struct State {
        var isOpen: Bool
        var epoch = 0
    }

    private let state: Mutex<State>

    package init(isOpen: Bool) {
        state = Mutex(State(isOpen: isOpen))
    }

    package func open() {
        state.withLock { $0.isOpen = true }
    }

    package func close() {
        state.withLock { state in
            state.isOpen = false
            state.epoch += 1
        }
    }

    /// The epoch in which a piece of work begins.
    package func begin() throws(ServersClosed) -> Epoch {
        let state = state.withLock { $0 }
        guard state.isOpen else { throw ServersClosed() }
        return Epoch(number: state.epoch)
    }

    /// Whether work that began in an epoch may go on.
    package func check(_ epoch: Epoch) throws(ServersClosed) {
        guard state.withLock({ $0.isOpen && $0.epoch == epoch.number }) else { throw ServersClosed() }
    }
}
