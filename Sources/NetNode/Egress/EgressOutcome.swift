import ClusterEngine
import ClusterModel
import ClusterStore

extension EgressReconciler {
    /// What came of one turn.
    struct TurnOutcome: Sendable {
        /// What was wanted of its networks when it began.
        let wanted: [EgressWanted]
        let unreadable: [UnreadableNetwork]
        let results: [(VNI, Result<Brought, any Error>)]
    }

    /// What comes of a pass, look by look and turn by turn; pure.
    struct PassOutcome {
        private var wanted: [VNI: EgressWanted]
        private var unreadable: [UnreadableNetwork]
        private var failures: [VNI: any Error] = [:]
        private var changed = 0
        /// The networks that have to be brought to what is wanted, in the order in which they were looked at.
        private(set) var differing: [VNI] = []
        /// Those that a turn would not change.
        private(set) var asWanted: [EgressNotes.Left] = []

        init(_ scope: Scope) {
            wanted = Dictionary(scope.wanted.map { ($0.vni, $0) }) { first, _ in first }
            unreadable = scope.unreadable
        }

        /// Takes note of a look; of one that failed, which may have met a change in the middle, nil.
        mutating func saw(_ vni: VNI, _ seen: Seen?) {
            guard let seen, !seen.isDifferent else { return differing.append(vni) }
            if let wanted = wanted[vni] { asWanted.append(EgressNotes.Left(wanted: wanted, rules: seen.rules)) }
        }

        /// Takes note of what keeps all that is wanted from being made; for the looks to come it is wanted all the same.
        mutating func failWanted(_ error: any Error) {
            for (vni, wanted) in wanted {
                failures[vni] = error
                asWanted.append(EgressNotes.Left(wanted: wanted, rules: nil))
            }
        }

        /// What was seen of these networks is past: what counts is what was wanted in their turn.
        mutating func note(_ some: Set<VNI>, _ turn: TurnOutcome) {
            for vni in some { wanted[vni] = nil }
            for network in turn.wanted { wanted[network.vni] = network }
            unreadable = turn.unreadable
            for (vni, result) in turn.results {
                switch result {
                case .success(let brought):
                    if !brought.steps.isEmpty { changed += 1 }
                case .failure(let error): failures[vni] = error
                }
            }
        }

        var pass: Pass {
            Pass(
                wanted: wanted.values.sorted { $0.vni < $1.vni },
                unreadable: unreadable,
                failures: failures,
                changed: changed
            )
        }
    }
}
