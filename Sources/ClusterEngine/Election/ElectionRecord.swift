import ClusterModel
import Synchronization

/// The state of an election, shared by the loop that asks the database and by what goes on without it.
package final class ElectionRecord: Sendable {
    /// The counts of rounds of questions since the process began.
    package struct Rounds: Sendable, Hashable {
        /// Those that all witnesses have confirmed in time.
        package internal(set) var confirmed = 0
        package internal(set) var failed = 0
    }

    private struct State {
        var election: ElectionState
        var node: NodeID?
        var rounds = Rounds()
    }

    package let candidate: LeaseCandidate
    package let timing: ElectionState.Timing
    private let state: Mutex<State>

    /// Begins as a candidate that has seen nothing.
    ///
    /// - Parameters:
    ///   - timing: the same on all nodes.
    ///   - node: the node that stands for election.
    package init(timing: ElectionState.Timing, node: NodeName) {
        candidate = LeaseCandidate(id: .new(), node: node)
        self.timing = timing
        state = Mutex(State(election: ElectionState(timing, me: candidate.id, now: .now)))
    }

    /// Decides, or takes note.
    func update<Result: Sendable>(_ body: (inout ElectionState) -> Result) -> Result {
        state.withLock { body(&$0.election) }
    }

    /// Takes the node's id from the database; not to be called while it leads.
    ///
    /// A node that was removed and added again with its name is another one. So the election begins anew, as in a
    /// process that is started now: it waits for a whole lease, which is longer than what it has confirmed as the
    /// former node.
    ///
    /// - Returns: Whether it was another one before.
    func identify(_ node: NodeID) -> Bool {
        state.withLock { state in
            let isAnother = state.node.map { $0 != node } ?? false
            if isAnother { state.election = ElectionState(timing, me: candidate.id, now: .now) }
            state.node = node
            return isAnother
        }
    }

    /// The id of this node; nil before it was read.
    var node: NodeID? { state.withLock { $0.node } }

    /// Answers a leader's question.
    ///
    /// - Returns: Nil where it is not confirmed, and not meant for this node.
    package func answer(_ question: WitnessMessage, at now: ContinuousClock.Instant) -> WitnessMessage? {
        state.withLock { state in
            guard question.kind == .question, question.witness == state.node,
                state.election.confirm(question.holder, at: now)
            else { return nil }
            return WitnessMessage(
                .confirmation,
                nonce: question.nonce,
                holder: question.holder,
                witness: question.witness
            )
        }
    }

    func note(_ isConfirmed: Bool) {
        state.withLock { state in
            if isConfirmed { state.rounds.confirmed += 1 } else { state.rounds.failed += 1 }
        }
    }

    package var rounds: Rounds { state.withLock { $0.rounds } }

    /// The number of nodes that a leader would ask now; nil while it has no list, and where it does not lead.
    package var witnesses: Int? { state.withLock { $0.election.witnesses?.count } }
}
