/// Whether a network is, everywhere, what it should be; pure.
struct Convergence: Sendable {
    /// Every node that hosts an interface of the network, or may be elected.
    let meshNodes: Set<NodeName>
    /// Whether the elected node runs a server for the network.
    let needsServer: Bool
    /// Whether the elected node makes a way out for the network.
    var needsEgress = false
    let wantedGeneration: Int
    /// The term of the node that is elected now; nil when none is.
    let term: Int?

    /// Applied is wanted or later, for the mesh on every node that takes part, and for server and egress under the term that
    /// runs now: what an earlier leader did says nothing about the one that serves.
    func isReached(by applied: [AppliedView]) -> Bool {
        let current = applied.filter { $0.generation >= wantedGeneration }
        let meshed = Set(current.filter { $0.what == .mesh }.map(\.node))
        guard meshNodes.isSubset(of: meshed) else { return false }
        func isDone(_ part: AppliedPart) -> Bool { current.contains { $0.what == part && $0.term == term } }
        return (!needsServer || isDone(.dnsmasq)) && (!needsEgress || isDone(.egress))
    }
}
