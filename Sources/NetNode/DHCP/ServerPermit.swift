import Synchronization

/// The permission for servers to run, and its purposes; checked before and after each step that takes time.
///
/// The end of one purpose does not end the servers of another, in whatever order the calls come.
package final class ServerPermit: Sendable {
    /// A purpose that servers run for.
    package enum Purpose: Sendable, Hashable, CaseIterable {
        /// Standby: servers that run behind the closed gate, ready for a take-over.
        case readiness
        /// A tenure of this node.
        case tenure
    }

    /// A time in which there is a purpose without a break: work that began in one does not go on in another.
    package struct Epoch: Sendable, Hashable {
        fileprivate let number: Int
    }

    private struct State {
        var purposes: Set<Purpose>
        var epoch = 0
    }

    private let state: Mutex<State>

    package init(isOpen: Bool) {
        state = Mutex(State(purposes: isOpen ? [.tenure] : []))
    }

    package var isOpen: Bool { state.withLock { !$0.purposes.isEmpty } }

    package func open(for purpose: Purpose) {
        state.withLock { _ = $0.purposes.insert(purpose) }
    }

    /// Ends purposes.
    ///
    /// - Returns: Whether none is left: then the epoch is over, if there was one.
    package func close(for purposes: Set<Purpose>) -> Bool {
        state.withLock { state in
            let isOpen = !state.purposes.isEmpty
            state.purposes.subtract(purposes)
            guard state.purposes.isEmpty else { return false }
            if isOpen { state.epoch += 1 }
            return true
        }
    }

    /// The epoch in which a piece of work begins.
    package func begin() throws(ServersClosed) -> Epoch {
        let state = state.withLock { $0 }
        guard !state.purposes.isEmpty else { throw ServersClosed() }
        return Epoch(number: state.epoch)
    }

    /// Returns whether an epoch lasts.
    package func lasts(_ epoch: Epoch) -> Bool {
        state.withLock { !$0.purposes.isEmpty && $0.epoch == epoch.number }
    }

    /// Checks that work that began in an epoch may go on.
    package func check(_ epoch: Epoch) throws(ServersClosed) {
        guard lasts(epoch) else { throw ServersClosed() }
    }
}
