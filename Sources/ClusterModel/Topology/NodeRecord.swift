import DatabaseTime

/// A node as its row has it.
package struct NodeRecord: Sendable, Hashable {
    package let id: NodeID
    package let name: NodeName
    package let underlayAddress: IPv4Address
    package let roles: [NodeRole]
    package let state: NodeState
    /// The drain, if it is being drained and the database says by whom.
    package let drain: NodeDrain?

    package init(
        id: NodeID,
        name: NodeName,
        underlayAddress: IPv4Address,
        roles: [NodeRole],
        state: NodeState,
        drain: NodeDrain? = nil
    ) {
        self.id = id
        self.name = name
        self.underlayAddress = underlayAddress
        self.roles = roles
        self.state = state
        self.drain = drain
    }
}

/// The drain of a node: by whom, since when, and why.
package struct NodeDrain: Sendable, Hashable {
    package let requester: String
    package let since: Timestamp
    /// The reason that was given, if one was.
    package let reason: String?

    package init(requester: String, since: Timestamp, reason: String?) {
        self.requester = requester
        self.since = since
        self.reason = reason
    }
}

/// A change of a node; what is nil stays as it is.
package struct NodeChange: Sendable, Hashable {
    package let underlayAddress: IPv4Address?
    package let roles: Set<NodeRole>?

    /// Describes a change.
    ///
    /// - Throws: `ClusterOpsError` with code `invalid` for an address that no host can have.
    package init(underlayAddress: IPv4Address? = nil, roles: Set<NodeRole>? = nil) throws(ClusterOpsError) {
        precondition(roles?.isEmpty != true, "a node is for something")
        if let underlayAddress { try NodeDraft.check(underlayAddress) }
        self.underlayAddress = underlayAddress
        self.roles = roles
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
    fileprivate static func check(_ underlayAddress: IPv4Address) throws(ClusterOpsError) {
        guard underlayAddress.isOfHost else {
            throw ClusterOpsError(.invalid, "underlay address \(underlayAddress): expected the address of a host")
        }
    }
}
