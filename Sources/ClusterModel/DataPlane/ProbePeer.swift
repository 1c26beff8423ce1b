/// A node that another one probes.
package struct ProbePeer: Sendable, Hashable {
    /// The most network nodes that a node probes: a cluster has a handful, and each answers all.
    package static let mostNetworkNodes = 30
    /// The nodes that follow by name, the last followed by the first, that a node probes beside those with the network
    /// role: so each node is seen by some that are no network nodes, and the number of probes grows with the cluster
    /// and not with its square.
    package static let neighbours = 2

    package let id: NodeID
    package let name: NodeName
    package let address: IPv4Address

    package init(id: NodeID, name: NodeName, address: IPv4Address) {
        self.id = id
        self.name = name
        self.address = address
    }
}

/// The nodes that a node probes, as one snapshot of the database shows them.
package struct ProbePlan: Sendable, Hashable {
    /// The node itself, at the address from which it sends to its peers, and its networks' packets.
    package let node: ProbePeer
    /// In the order of their names.
    package let peers: [ProbePeer]

    package init(node: ProbePeer, peers: [ProbePeer]) {
        self.node = node
        self.peers = peers
    }

    /// Sorts what was read of a node and its peers; nil without the node itself.
    package init?(of name: NodeName, among nodes: [ProbePeer]) {
        guard let node = nodes.first(where: { $0.name == name }) else { return nil }
        self.init(node: node, peers: nodes.filter { $0.name != name }.sorted { $0.name < $1.name })
    }
}
