import ClusterEngine
import ClusterModel
import Synchronization

/// The networks that are being repaired beside the looks, and what came of those that were.
final class RepairsUnderWay: Sendable {
    private struct State {
        var busy: Set<VNI> = []
        var ended: [VNI: Bool] = [:]
    }

    private let state = Mutex(State())

    func begin(_ vnis: Set<VNI>) {
        state.withLock { $0.busy.formUnion(vnis) }
    }

    func end(_ vni: VNI, isWell: Bool) {
        state.withLock { state in
            state.busy.remove(vni)
            state.ended[vni] = isWell
        }
    }

    /// Tells a backoff what has ended since the last call.
    ///
    /// - Returns: Those that are under way.
    func look(noting backoff: inout RepairBackoff) -> Set<VNI> {
        let (busy, ended) = state.withLock { state in
            defer { state.ended = [:] }
            return (state.busy, state.ended)
        }
        for (vni, isWell) in ended { backoff.note(repaired: [vni], broken: isWell ? [] : [vni], at: .now) }
        return busy
    }
}
