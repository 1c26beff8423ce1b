import ClusterEngine
import ClusterModel
import ClusterReports

/// The present actions of the troublemakers of a liveness run, for the oracle to know.
final class LivenessLedger: Sendable {
    struct State: Sendable {
        /// Rows that a stranger holds, each for one while.
        var heldRows: [OperationID: ContinuousClock.Instant] = [:]
        /// Exclusive targets that a claim holds which does not commit.
        var heldTargets: [String: ContinuousClock.Instant] = [:]
        /// The moment at which the database's clock was last set.
        var clockSetAt: ContinuousClock.Instant?
        var counts: [String: Int] = [:]
        var complaints: [String] = []
    }

    private let state = Locked(State())

    var now: State { state.value }

    func count(_ name: String) {
        state.update { $0.counts[name, default: 0] += 1 }
    }

    func setClock() {
        state.update { $0.clockSetAt = .now }
    }

    func complain(_ text: String) {
        state.update { $0.complaints.append(text) }
    }

    func hold(_ row: OperationID) {
        state.update { $0.heldRows[row] = .now }
    }

    func release(_ row: OperationID) {
        state.update { $0.heldRows[row] = nil }
    }

    func hold(target: String) {
        state.update { $0.heldTargets[target] = .now }
    }

    func release(target: String) {
        state.update { $0.heldTargets[target] = nil }
    }
}
