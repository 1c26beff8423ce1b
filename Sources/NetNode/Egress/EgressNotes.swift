import ClusterEngine
import ClusterModel
import Synchronization

/// What was left of the networks' ways out, for looks that ask whether the kernel still has it.
///
/// Whoever changes one takes it in hand first, with what is wanted of it: meanwhile nobody compares it with anything, and
/// what was wanted before is not restored. What was read beside the turns counts only where nobody has noted anything since.
final class EgressNotes: Sendable {
    /// What is wanted of a network's way out, as far as is known on this node.
    struct Left: Sendable, Hashable {
        let wanted: EgressWanted
        /// The number of the last transaction on the namespace's rules, from before they were found as wanted; nil when
        /// they were not.
        var rules: UInt32?
    }

    private struct Note {
        var left: Left
        var moment: UInt64
    }

    private struct State {
        /// Counts the changes to all this.
        var moment: UInt64 = 0
        var notes: [VNI: Note] = [:]
        var inHand: Set<VNI> = []
        /// Those whose addresses somebody outside may remember elsewhere.
        var unannounced: Set<VNI> = []
        /// When a network was forgotten last: who read earlier cannot tell one that is unknown from one that was forgotten.
        var forgotten: UInt64 = 0

        mutating func forget(_ vnis: some Sequence<VNI>) {
            moment += 1
            for vni in vnis {
                notes[vni] = nil
                unannounced.remove(vni)
                forgotten = moment
            }
        }

        mutating func note(_ left: Left) {
            moment += 1
            notes[left.wanted.vni] = Note(left: left, moment: moment)
        }

        func isUntouched(_ vni: VNI, since moment: UInt64) -> Bool {
            !inHand.contains(vni) && (notes[vni]?.moment ?? forgotten) <= moment
        }
    }

    private let state = Mutex(State())

    /// Now, for what is about to be read.
    var now: EgressReconciler.Moment { .init(number: state.withLock(\.moment)) }

    /// All that is known.
    var all: [VNI: Left] { state.withLock { $0.notes.mapValues(\.left) } }

    /// What is known of those that nobody has or had in hand since a moment.
    func untouched(since moment: EgressReconciler.Moment) -> [Left] {
        state.withLock { state in
            state.notes.filter { state.isUntouched($0.key, since: moment.number) }.map(\.value.left)
        }
    }

    /// Takes some networks in hand, and forgets those of them of which nothing is wanted.
    func takeInHand(_ some: Set<VNI>, _ wanted: [EgressWanted]) {
        state.withLock { state in
            state.inHand.formUnion(some)
            state.forget(some.subtracting(wanted.map(\.vni)))
            for wanted in wanted { state.note(Left(wanted: wanted, rules: nil)) }
        }
    }

    /// Lets go of what was taken in hand.
    ///
    /// - Parameters:
    ///   - some: as they were taken.
    ///   - rules: as ``Left/rules``, of those that are as they are wanted.
    func letGo(_ some: Set<VNI>, _ rules: [VNI: UInt32]) {
        state.withLock { state in
            state.inHand.subtract(some)
            for vni in some {
                guard let wanted = state.notes[vni]?.left.wanted else { continue }
                state.note(Left(wanted: wanted, rules: rules[vni]))
            }
        }
    }

    /// Takes note of what a look has seen, where nothing was noted since.
    ///
    /// - Parameters:
    ///   - seen: what needs no turn.
    ///   - scope: of the look: of what else is in it nothing is wanted.
    ///   - moment: from before `scope` was read.
    func learn(_ seen: [Left], of scope: EgressReconciler.Scope, since moment: EgressReconciler.Moment) {
        let wanted = Set(scope.wanted.map(\.vni))
        state.withLock { state in
            let unwanted = state.notes.keys.filter { vni in
                !wanted.contains(vni) && (scope.only?.contains(vni) ?? true)
                    && state.isUntouched(vni, since: moment.number)
            }
            for left in seen where state.isUntouched(left.wanted.vni, since: moment.number) {
                // A look that is under way knows it as it is.
                if state.notes[left.wanted.vni]?.left != left { state.note(left) }
            }
            if !unwanted.isEmpty { state.forget(unwanted) }
        }
    }

    /// Takes note that some networks have to be announced, whatever comes of their other steps.
    func oweAnnouncement(of vnis: some Sequence<VNI>) { state.withLock { $0.unannounced.formUnion(vnis) } }

    /// Takes those of some networks that have to be announced, and are as they are wanted.
    func takeUnannounced(of vnis: Set<VNI>) -> [EgressWanted] {
        state.withLock { state in
            let due = state.unannounced.intersection(vnis).subtracting(state.inHand)
                .compactMap { state.notes[$0]?.left }.filter { $0.rules != nil }.map(\.wanted)
            state.unannounced.subtract(due.map(\.vni))
            return due
        }
    }

    /// Forgets a network that is taken away.
    func forget(_ vni: VNI) { state.withLock { $0.forget([vni]) } }

    /// Forgets all.
    func forgetAll() {
        state.withLock { state in
            state.forget(Array(state.notes.keys))
            state.forgotten = state.moment
        }
    }
}
