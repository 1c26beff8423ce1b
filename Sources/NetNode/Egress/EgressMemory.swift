import ClusterModel
import ClusterStore

/// The state in which the last pass has left each network's egress; pure.
struct EgressMemory: Sendable {
    /// The wanted state of a network's egress, as far as this node knows it.
    struct Left: Sendable, Hashable {
        let wanted: EgressWanted
        /// The number of the last transaction on the namespace's rules, from before they were found as wanted; nil when
        /// they were not.
        var rules: UInt32?
        /// A Boolean value that indicates whether it has been found as it is wanted.
        var wasReached = false
    }

    private(set) var left: [VNI: Left] = [:]
    /// The networks for whose external addresses a gratuitous ARP is still to be sent.
    private var owedGratuitousARP: Set<VNI> = []

    /// Notes the wanted state of an egress before it is changed: after a pass that is cut short, no repair restores the
    /// state before it.
    mutating func begin(_ wanted: EgressWanted, owesGratuitousARP: Bool) {
        note(wanted, rules: nil)
        if owesGratuitousARP { owedGratuitousARP.insert(wanted.vni) }
    }

    /// Notes the state in which an egress was found, or left.
    mutating func note(_ wanted: EgressWanted, rules: UInt32?) {
        left[wanted.vni] = Left(wanted: wanted, rules: rules, wasReached: rules != nil || wasReached(wanted))
    }

    /// Returns whether just this has been found as it is wanted: where it differs now, it was changed on this node.
    func wasReached(_ wanted: EgressWanted) -> Bool {
        left[wanted.vni].map { $0.wasReached && $0.wanted == wanted } ?? false
    }

    /// Forgets a network that is to have no egress.
    mutating func forget(_ vni: VNI) {
        left[vni] = nil
        owedGratuitousARP.remove(vni)
    }

    /// Takes those of some networks that owe a gratuitous ARP, and are reconciled.
    mutating func takeOwedGratuitousARP(of vnis: Set<VNI>) -> [EgressWanted] {
        let due = owedGratuitousARP.intersection(vnis).compactMap { left[$0] }.filter { $0.rules != nil }.map(\.wanted)
        owedGratuitousARP.subtract(due.map(\.vni))
        return due
    }

    /// Notes that no gratuitous ARP was sent for networks that were taken for it.
    mutating func oweGratuitousARP(of wanted: [EgressWanted]) { owedGratuitousARP.formUnion(wanted.map(\.vni)) }
}
