/// The nodes that have to confirm a leader whose renewals fail.
///
/// The list stands in the lease's row: a candidate that is not in it is not asked, and so waits for the outage time
/// before it takes the lease. Nodes, and not processes: one that is started again waits for a whole lease by itself.
package struct WitnessList: Sendable, Hashable {
    /// The number within the term, from 1; 0 is before the first.
    ///
    /// A list replaces those with a lower number only, because a renewal that was given up may still be executed, after
    /// a later one.
    package let number: Int
    /// Nil when there is no list: then every candidate waits for the lease, and nobody is asked.
    package let nodes: Set<NodeID>?

    package init(number: Int, nodes: Set<NodeID>?) {
        self.number = number
        self.nodes = nodes
    }

    /// Returns that there has been no list in a term yet.
    package static var none: WitnessList { WitnessList(number: 0, nodes: nil) }
}

/// The lists of one term, as its leader knows them: the one that surely is in the row, and those that may be.
struct WitnessLists: Sendable, Hashable {
    private var newest = WitnessList.none
    private var confirmed = WitnessList.none
    /// The nodes of the lists that were sent after the confirmed one.
    private var unsure: Set<NodeID> = []
    /// A Boolean value that indicates whether one of those says that there is no list.
    private var mayBeWithdrawn = false

    /// Returns the list to send with a renewal: a new one if the nodes have changed; it counts from now on.
    mutating func send(_ nodes: Set<NodeID>?) -> WitnessList {
        guard nodes != newest.nodes else { return newest }
        newest = WitnessList(number: newest.number + 1, nodes: nodes)
        if let nodes { unsure.formUnion(nodes) } else { mayBeWithdrawn = true }
        return newest
    }

    /// Notes that a renewal with this list was confirmed.
    mutating func confirm(_ list: WitnessList) {
        confirmed = list
        guard list == newest else { return }
        (unsure, mayBeWithdrawn) = ([], false)
    }

    /// The nodes that have to confirm; nil while nobody can, because not all others may be waiting for the outage time.
    var all: Set<NodeID>? {
        guard let nodes = confirmed.nodes, !mayBeWithdrawn else { return nil }
        return nodes.union(unsure)
    }
}

/// A node that may be elected, as a leader finds it when it makes a list.
package struct WitnessCandidate: Sendable, Hashable {
    package let node: NodeID
    /// A Boolean value that indicates whether a process of it has a live session.
    package let isLive: Bool

    package init(node: NodeID, isLive: Bool) {
        self.node = node
        self.isLive = isLive
    }
}

extension [WitnessCandidate] {
    /// Returns the witnesses of a leader, by its own node and the nodes that have answered it lately: all of these that
    /// may be elected.
    ///
    /// One that does not answer, and has no process, is left out, and waits for the outage time if it comes back. One
    /// that has a process would be kept from following a leader that dies now: then there is no list.
    package func witnesses(besides leader: NodeID, answering: Set<NodeID>) -> Set<NodeID>? {
        let others = filter { $0.node != leader }
        guard !others.contains(where: { $0.isLive && !answering.contains($0.node) }) else { return nil }
        return answering.intersection(others.map(\.node))
    }
}
