/// The conditions under which a network is, everywhere, what it should be; pure.
package struct Convergence: Sendable {
    /// Every node that hosts an interface of the network, or may be elected.
    package let meshNodes: Set<NodeName>
    /// A Boolean value that indicates whether the elected node runs a server for the network.
    package let needsServer: Bool
    /// A Boolean value that indicates whether the elected node makes egress for the network.
    package var needsEgress = false
    package let wantedGeneration: Int
    /// The term of the node that is elected now; nil when none is.
    package let term: Int?

    package init(
        meshNodes: Set<NodeName>,
        needsServer: Bool,
        needsEgress: Bool = false,
        wantedGeneration: Int,
        term: Int?
    ) {
        self.meshNodes = meshNodes
        self.needsServer = needsServer
        self.needsEgress = needsEgress
        self.wantedGeneration = wantedGeneration
        self.term = term
    }

    /// Returns whether the wanted generation, or a later one, is applied: for the mesh on every node that takes part,
    /// and for server and egress under the term that runs now.
    ///
    /// What an earlier leader did says nothing about the one that serves.
    package func isReached(by applied: [AppliedState]) -> Bool {
        let current = applied.filter { $0.generation >= wantedGeneration }
        let meshed = Set(current.filter { $0.what == .mesh }.map(\.node))
        guard meshNodes.isSubset(of: meshed) else { return false }
        func isDone(_ part: AppliedPart) -> Bool { current.contains { $0.what == part && $0.term == term } }
        return (!needsServer || isDone(.dnsmasq)) && (!needsEgress || isDone(.egress))
    }
}
