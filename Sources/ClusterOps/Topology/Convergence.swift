/// Whether a network is, everywhere, what it should be; pure.
struct Convergence: Sendable {
    /// Every node that hosts an interface of the network, or may be elected.
    let meshNodes: Set<NodeName>
    /// Whether the elected node runs a server for the network.
    let needsServer: Bool
    let wantedGeneration: Int

    /// Applied is wanted or later, for the mesh on every node that takes part, and for the server on the node of the
    /// latest term: what an earlier leader did says nothing about the one that serves now.
    func isReached(by applied: [AppliedView]) -> Bool {
        let current = applied.filter { $0.generation >= wantedGeneration }
        let meshed = Set(current.filter { $0.what == .mesh }.map(\.node))
        guard meshNodes.isSubset(of: meshed) else { return false }
        guard needsServer else { return true }
        let servers = applied.filter { $0.what == .dnsmasq }
        guard let term = servers.map(\.term).max() else { return false }
        return servers.contains { $0.term == term && $0.generation >= wantedGeneration }
    }
}
