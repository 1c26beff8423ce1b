import ClusterModel
import ClusterStore
import MariaDB

extension Inventory {
    /// Adds a node.
    ///
    /// One that may be elected joins every network's flood lists, so that a failover changes none.
    /// - Throws: `ClusterOpsError`, with code `conflict` when the name or the address is taken, or the address is
    ///   one of a network's guests.
    package func addNode(_ draft: NodeDraft) async throws -> Changed<NodeSnapshot> {
        let id = NodeID.new()
        return try await change { transaction in
            let networks = draft.roles.contains(.network) ? try NetworkStatements.lockAll(in: transaction) : []
            do {
                try NodeStatements.insert(draft, id: id, in: transaction)
            } catch {
                throw Self.conflict(
                    error,
                    ["nodes_by_name": "there is a node '\(draft.name)' already"]
                        .merging(Self.meaningOfDuplicate(draft.underlayAddress)) { first, _ in first }
                )
            }
            try Self.refuseGuestAddress(draft.underlayAddress, in: transaction)
            let enqueued = try everywhere(networks, in: transaction)
            let object = try Self.snapshot(of: draft.name, in: transaction)
            return Change(object, audited: AuditedChange(.nodeAdded, object.record), enqueued: enqueued)
        }
    }

    /// Lists the nodes, by name.
    package func nodes() async throws -> [NodeSnapshot] {
        try await cluster.read { try Self.nodeSnapshots(nil, on: $0) }
    }

    /// Reads one node.
    package func node(_ name: NodeName) async throws -> NodeSnapshot {
        try await cluster.read { try Self.snapshot(of: name, on: $0) }
    }

    /// Changes the address by which the other nodes reach a node, or its roles; what it has is no change.
    ///
    /// - Throws: `ClusterOpsError` with code `conflict` when the address is another node's, or one of a network's
    ///   guests, and for roles that the node cannot have or give up now; see ``refuse(_:of:_:in:)``.
    package func changeNode(_ name: NodeName, _ wanted: NodeChange) async throws -> Changed<NodeSnapshot> {
        try await change { transaction in
            // All, because which of them have guests on the node holds only while none of them can change.
            let networks = try NetworkStatements.lockAll(in: transaction)
            guard let node = try NodeStatements.lock(name, in: transaction) else { throw Self.unknownNode(name) }
            let address = wanted.underlayAddress ?? node.underlayAddress
            let (before, roles) = (Set(node.roles), wanted.roles ?? Set(node.roles))
            let isElsewhere = address != node.underlayAddress
            guard isElsewhere || roles != before else {
                return .none(try Self.snapshot(of: name, in: transaction))
            }
            if isElsewhere {
                do {
                    try NodeStatements.setUnderlay(address, of: node.id, in: transaction)
                } catch {
                    throw Self.conflict(error, Self.meaningOfDuplicate(address))
                }
                try Self.refuseGuestAddress(address, in: transaction)
            }
            if roles != before {
                try Self.refuse(roles, of: node, isElsewhere ? nil : address, networks, in: transaction)
                try NodeStatements.setRoles(roles, of: node.id, in: transaction)
            }
            let hosts = try NetworkStatements.hosts(on: transaction.session)
            let hasOtherPart = roles.contains(.network) != before.contains(.network)
            let concerned = networks.filter { network in
                hasOtherPart
                    || isElsewhere && (roles.contains(.network) || hosts[network.id]?.contains(name) == true)
            }
            // A node that may not be elected any more has something to take away.
            let enqueued = try everywhere(concerned, and: hasOtherPart ? [name] : [], in: transaction)
            let object = try Self.snapshot(of: name, in: transaction)
            return Change(object, audited: AuditedChange(.nodeChanged, object.record), enqueued: enqueued)
        }
    }

    private static func meaningOfDuplicate(_ underlayAddress: IPv4Address) -> [String: String] {
        ["nodes_by_underlay_address": "underlay address \(underlayAddress) is another node's already"]
    }

    /// Lets a node finish what it runs and take nothing new.
    ///
    /// One that is being drained already gets the new reason, and this requester; without a reason it is no change.
    package func drain(_ name: NodeName, reason: String? = nil) async throws -> Changed<NodeSnapshot> {
        try await change { transaction in
            guard let node = try NodeStatements.lock(name, in: transaction) else { throw Self.unknownNode(name) }
            guard node.drain == nil || reason != nil else {
                return .none(try Self.snapshot(of: name, in: transaction))
            }
            try NodeStatements.drain(node.id, requester: cluster.queue.requester, reason: reason, in: transaction)
            let object = try Self.snapshot(of: name, in: transaction)
            return Change(object, audited: AuditedChange(.nodeDrained, object.record, reason: reason))
        }
    }

    /// Lets a node take new work again; one that is not being drained is no change.
    package func undrain(_ name: NodeName) async throws -> Changed<NodeSnapshot> {
        try await change { transaction in
            guard let node = try NodeStatements.lock(name, in: transaction) else { throw Self.unknownNode(name) }
            guard node.state != .active else { return .none(try Self.snapshot(of: name, in: transaction)) }
            try NodeStatements.undrain(node.id, in: transaction)
            let object = try Self.snapshot(of: name, in: transaction)
            return Change(object, audited: AuditedChange(.nodeUndrained, object.record))
        }
    }

    /// A new generation of locked networks: their mesh on every node that takes part, and their servers, for which
    /// there is nothing to do but to be found as they should be.
    ///
    /// - Parameters:
    ///   - networks: The networks.
    ///   - nodes: Nodes whose mesh is concerned although they take part no more.
    ///   - transaction: The transaction that changes what is wanted.
    /// - Returns: The work that was enqueued.
    /// - Throws: `DatabaseError`, `ClusterOpsError`.
    package func everywhere(
        _ networks: [NetworkRecord],
        and nodes: Set<NodeName> = [],
        in transaction: borrowing Transaction
    ) throws -> EnqueuedWork {
        try NetworkStatements.bump(networks.map(\.id), in: transaction)
        let candidates = try NetworkStatements.networkNodes(on: transaction.session).union(nodes)
        let hosts = try NetworkStatements.hosts(on: transaction.session)
        let work = networks.flatMap { network in
            [AppliedWork.servers(network.name)]
                + AppliedWork.mesh(network.name, on: candidates.union(hosts[network.id] ?? []))
        }
        return try apply(work, in: transaction)
    }

    package static func snapshot(of name: NodeName, in transaction: borrowing Transaction) throws -> NodeSnapshot {
        try snapshot(of: name, on: transaction.session)
    }

    package static func snapshot(of name: NodeName, on session: borrowing Session) throws -> NodeSnapshot {
        guard let node = try nodeSnapshots(name, on: session).first else { throw unknownNode(name) }
        return node
    }

    private static func nodeSnapshots(_ name: NodeName?, on session: borrowing Session) throws -> [NodeSnapshot] {
        let nodes = try NodeStatements.nodes(name, on: session)
        // One node is read alone; for a list, each table is read once.
        let only = name == nil ? nil : nodes.first?.id
        if name != nil, only == nil { return [] }
        let sessions = Dictionary(grouping: try NodeStatements.liveSessions(of: only, on: session), by: \.node)
        let lastSeen = try NodeStatements.lastSeen(of: only, on: session)
        let obstacles = Dictionary(grouping: try TaskStatements.obstacles(of: only, on: session), by: \.nodeID)
        return nodes.map { node in
            NodeSnapshot(
                record: node,
                lastSeen: lastSeen[node.id],
                sessions: sessions[node.id] ?? [],
                obstacles: obstacles[node.id] ?? []
            )
        }
    }
}
