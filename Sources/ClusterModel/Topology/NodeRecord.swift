/// A node as its row has it.
package struct NodeRecord: Sendable, Hashable {
    package let id: NodeID
    package let name: NodeName
    package let underlayAddress: IPv4Address
    package let roles: [NodeRole]
    package let state: NodeState

    package init(id: NodeID, name: NodeName, underlayAddress: IPv4Address, roles: [NodeRole], state: NodeState) {
        self.id = id
        self.name = name
        self.underlayAddress = underlayAddress
        self.roles = roles
        self.state = state
    }
}

/// A node that is to be added.
package struct NodeDraft: Sendable, Hashable {
    package let name: NodeName
    package let underlayAddress: IPv4Address
    package let roles: Set<NodeRole>

    /// Describes a node.
    ///
    /// - Throws: `ClusterOpsError` with code `invalid` for an address that no host can have.
    package init(name: NodeName, underlayAddress: IPv4Address, roles: Set<NodeRole>) throws(ClusterOpsError) {
        precondition(!roles.isEmpty, "a node is for something")
        try Self.check(underlayAddress)
        self.name = name
        self.underlayAddress = underlayAddress
        self.roles = roles
    }

    /// Refuses an underlay address that no host can have.
    package static func check(_ underlayAddress: IPv4Address) throws(ClusterOpsError) {
        guard underlayAddress.isOfHost else {
            throw ClusterOpsError(.invalid, "underlay address \(underlayAddress): expected the address of a host")
        }
    }
}
