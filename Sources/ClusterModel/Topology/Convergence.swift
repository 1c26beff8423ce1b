/// The conditions under which a network is, everywhere, what it should be; pure.
package struct Convergence: Sendable {
    /// Every node that hosts an interface of the network, or may be elected.
    package let meshNodes: Set<NodeName>
    /// A Boolean value that indicates whether the elected node runs a server for the network.
    package let needsServer: Bool
    /// A Boolean value that indicates whether the elected node makes egress for the network.
    package var needsEgress = false
    package let wantedGeneration: Int
    /// The node that is elected now; nil when none is.
    package let elected: NodeName?
    /// The term of the node that is elected now; nil when none is.
    package let term: Int?

    package init(
        meshNodes: Set<NodeName>,
        needsServer: Bool,
        needsEgress: Bool = false,
        wantedGeneration: Int,
        elected: NodeName?,
        term: Int?
    ) {
        self.meshNodes = meshNodes
        self.needsServer = needsServer
        self.needsEgress = needsEgress
        self.wantedGeneration = wantedGeneration
        self.elected = elected
        self.term = term
    }

    /// A part of a network that has not reached the wanted generation.
    package struct Missing: Sendable, Hashable {
        package let what: AppliedPart
        /// The node that is to apply it; nil for what the elected node does, while none is elected.
        package let node: NodeName?
        /// The generation that it has applied; nil for none.
        package let applied: Int?
    }

    /// Returns what keeps the wanted generation, or a later one, from being applied: for the mesh on every node that
    /// takes part, and for server and egress under the term that runs now.
    ///
    /// What an earlier leader did says nothing about the one that serves.
    package func missing(from applied: [AppliedState]) -> [Missing] {
        func missing(_ part: AppliedPart, on node: NodeName?, term: Int?) -> Missing? {
            let reached = applied.filter { state in
                state.what == part && (part == .mesh ? state.node == node : state.term == term)
            }.map(\.generation).max()
            if let reached, reached >= wantedGeneration { return nil }
            return Missing(what: part, node: node, applied: reached)
        }
        let served = [(AppliedPart.dnsmasq, needsServer), (.egress, needsEgress)].filter(\.1).map(\.0)
        return meshNodes.sorted().compactMap { missing(.mesh, on: $0, term: nil) }
            + served.compactMap { missing($0, on: elected, term: term) }
    }
}
