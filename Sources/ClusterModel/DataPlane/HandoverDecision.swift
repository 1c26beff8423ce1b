/// Decides when an elected node hands over by itself, because its networks' packets do not reach the others while
/// another node's would.
///
/// Pure. What others report counts, not what the node sees: a candidate that does not answer says nothing of the
/// leader. A fault has to last, nobody takes over who is not better, and in two minutes there is at most one such
/// change in the whole cluster, so that a cable with a loose contact does not move all networks to and fro.
package struct HandoverDecision: Sendable, Hashable {
    /// A node that is elected, or could be.
    package struct Standing: Sendable, Hashable {
        package let node: NodeName
        /// The living nodes that report that they do not reach it.
        package let unreachableFor: Set<NodeName>
        /// A Boolean value that indicates whether a check of its own says that its networks' packets go nowhere.
        package let isFaulty: Bool
        /// The state of its external bridge; nil while it has reported none.
        package let externalBridge: DataPlaneCheck.State?

        package init(
            node: NodeName,
            unreachableFor: Set<NodeName> = [],
            isFaulty: Bool = false,
            externalBridge: DataPlaneCheck.State? = nil
        ) {
            self.node = node
            self.unreachableFor = unreachableFor
            self.isFaulty = isFaulty
            self.externalBridge = externalBridge
        }
    }

    /// The facts of the decision, as one read of the database shows them.
    package struct Situation: Sendable, Hashable {
        /// The elected node.
        package let leader: Standing
        /// The nodes that may be elected and have a live process, without the leader.
        package let candidates: [Standing]
        /// A Boolean value that indicates whether a network leads outside.
        package let needsExternalBridge: Bool
        /// The time since a leader last handed over by itself, by the database's clock; nil when none ever did, or
        /// when that clock was set back since.
        package let sinceLast: Duration?

        package init(leader: Standing, candidates: [Standing], needsExternalBridge: Bool, sinceLast: Duration?) {
            self.leader = leader
            self.candidates = candidates
            self.needsExternalBridge = needsExternalBridge
            self.sinceLast = sinceLast
        }
    }

    /// The reason to hand over.
    package enum Cause: String, Sendable, Hashable {
        /// Most candidates do not reach it.
        case cutOff = "cut_off"
        /// A check of its own has failed.
        case faulty
        /// A network leads outside, and its external bridge is not there.
        case withoutExternalBridge = "without_external_bridge"
    }

    /// A hand-over that is to be asked for.
    package struct Request: Sendable, Hashable {
        package let cause: Cause
        package let successor: NodeName
    }

    /// The time for which a cause has to last: two reads of the database, beside the four probes of each report.
    package static let persistence: Duration = .seconds(1)
    /// The least time between two such changes in the cluster.
    package static let leastInterval: Duration = .seconds(120)
    /// The time after which a request that came to nothing is repeated: an election's hand-over gives up after 10 s.
    package static let pauseAfterRequest: Duration = .seconds(30)

    /// The moment since which there has been a cause, and somebody better.
    private var pendingSince: ContinuousClock.Instant?
    private var requestedAt: ContinuousClock.Instant?

    package init() {}

    /// Takes note of a situation.
    ///
    /// - Returns: The hand-over to ask for now; nil when the leader stays.
    package mutating func step(_ situation: Situation, at now: ContinuousClock.Instant) -> Request? {
        guard let request = Self.request(situation) else {
            pendingSince = nil
            return nil
        }
        let since = pendingSince ?? now
        pendingSince = since
        guard now - since >= Self.persistence, situation.sinceLast.map({ $0 >= Self.leastInterval }) ?? true,
            requestedAt.map({ now - $0 >= Self.pauseAfterRequest }) ?? true
        else { return nil }
        requestedAt = now
        return request
    }

    /// Returns the hand-over that would make this situation better; nil when none does.
    package static func request(_ situation: Situation) -> Request? {
        let (leader, needsBridge) = (situation.leader, situation.needsExternalBridge)
        guard let cause = cause(situation) else { return nil }
        let better = situation.candidates.filter { candidate in
            let (own, other) = (leader.rank(beside: candidate), candidate.rank(beside: leader))
            switch cause {
            case .cutOff, .faulty: return other < own && !candidate.isFaulty
            case .withoutExternalBridge: return other <= own && candidate.externalBridge == .ok
            }
        }
        // Of those that are better: the best reached, then one with a bridge, then the first by name.
        let best = better.min { one, other in
            func key(_ standing: Standing) -> (Int, Int, NodeName) {
                let lacksBridge = needsBridge && standing.externalBridge != .ok
                return (standing.unreachableFor.subtracting([leader.node]).count, lacksBridge ? 1 : 0, standing.node)
            }
            return key(one) < key(other)
        }
        return best.map { Request(cause: cause, successor: $0.node) }
    }

    private static func cause(_ situation: Situation) -> Cause? {
        let leader = situation.leader
        if leader.isFaulty { return .faulty }
        let candidates = situation.candidates.map(\.node)
        let reporting = candidates.filter(leader.unreachableFor.contains)
        if reporting.count * 2 > candidates.count { return .cutOff }
        // One that has not reported yet may well have it.
        guard situation.needsExternalBridge, let bridge = leader.externalBridge else { return nil }
        return bridge == .ok ? nil : .withoutExternalBridge
    }
}

extension HandoverDecision.Standing {
    /// Returns how badly it is reached, beside another node: by those that are neither, because of the path between the
    /// two nobody can tell whose fault it is.
    fileprivate func rank(beside other: HandoverDecision.Standing) -> Rank {
        Rank(isFaulty: isFaulty, unreachableFor: unreachableFor.subtracting([other.node]).count)
    }

    /// The more, the worse.
    fileprivate struct Rank: Comparable {
        let isFaulty: Bool
        let unreachableFor: Int

        static func < (one: Rank, other: Rank) -> Bool {
            one.isFaulty == other.isFaulty ? one.unreachableFor < other.unreachableFor : !one.isFaulty
        }
    }
}
