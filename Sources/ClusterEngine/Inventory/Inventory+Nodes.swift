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
            return Change(object: try Self.snapshot(of: draft.name, in: transaction), enqueued: enqueued)
        }
    }

    /// Lists the nodes, by name.
    package func nodes() async throws -> [NodeSnapshot] {
        try await cluster.read { try Self.nodeSnapshots(nil, on: $0) }
    }

    /// Reads one node.
    package func node(_ name: NodeName) async throws -> NodeSnapshot {
        guard let node = try await cluster.read({ try Self.nodeSnapshots(name, on: $0) }).first else {
            throw Self.unknownNode(name)
        }
        return node
    }

    /// Changes the address by which the other nodes reach a node; the one that it has is no change.
    ///
    /// - Throws: `ClusterOpsError`: `invalid` for an address that no host can have, `conflict` when it is another
    ///   node's, or one of a network's guests.
    package func setUnderlay(_ address: IPv4Address, of name: NodeName) async throws -> Changed<NodeSnapshot> {
        try NodeDraft.check(address)
        return try await change { transaction in
            // All, because which of them have guests on the node holds only while none of them can change.
            let networks = try NetworkStatements.lockAll(in: transaction)
            guard let node = try NodeStatements.lock(name, in: transaction) else { throw Self.unknownNode(name) }
            guard node.underlayAddress != address else {
                return Change(object: try Self.snapshot(of: name, in: transaction), enqueued: EnqueuedWork())
            }
            do {
                try NodeStatements.setUnderlay(address, of: node.id, in: transaction)
            } catch {
                throw Self.conflict(error, Self.meaningOfDuplicate(address))
            }
            try Self.refuseGuestAddress(address, in: transaction)
            let hosts = try NetworkStatements.hosts(on: transaction.session)
            let concerned = networks.filter { network in
                node.roles.contains(.network) || hosts[network.id]?.contains(name) == true
            }
            let enqueued = try everywhere(concerned, in: transaction)
            return Change(object: try Self.snapshot(of: name, in: transaction), enqueued: enqueued)
        }
    }

    private static func meaningOfDuplicate(_ underlayAddress: IPv4Address) -> [String: String] {
        ["nodes_by_underlay_address": "underlay address \(underlayAddress) is another node's already"]
    }

    /// Lets a node finish what it runs and take nothing new, or take new work again.
    package func setState(_ state: NodeState, of name: NodeName) async throws -> Changed<NodeSnapshot> {
        try await change { transaction in
            guard let node = try NodeStatements.lock(name, in: transaction) else { throw Self.unknownNode(name) }
            try NodeStatements.setState(state, of: node.id, in: transaction)
            return Change(object: try Self.snapshot(of: name, in: transaction), enqueued: EnqueuedWork())
        }
    }

    /// A new generation of locked networks: their mesh on every node that takes part, and their servers, for which
    /// there is nothing to do but to be found as they should be.
    package func everywhere(
        _ networks: [NetworkRecord],
        in transaction: borrowing Transaction
    ) throws -> EnqueuedWork {
        try NetworkStatements.bump(networks.map(\.id), in: transaction)
        let candidates = try NetworkStatements.networkNodes(on: transaction.session)
        let hosts = try NetworkStatements.hosts(on: transaction.session)
        let work = networks.flatMap { network in
            [AppliedWork.servers(network.name)]
                + AppliedWork.mesh(network.name, on: candidates.union(hosts[network.id] ?? []))
        }
        return try apply(work, in: transaction)
    }

    package static func snapshot(of name: NodeName, in transaction: borrowing Transaction) throws -> NodeSnapshot {
        guard let node = try nodeSnapshots(name, on: transaction.session).first else { throw unknownNode(name) }
        return node
    }

    private static func nodeSnapshots(_ name: NodeName?, on session: borrowing Session) throws -> [NodeSnapshot] {
        let nodes = try NodeStatements.nodes(name, on: session)
        let sessions = Dictionary(grouping: try NodeStatements.liveSessions(on: session), by: \.node)
        let lastSeen = try NodeStatements.lastSeen(on: session)
        let obstacles = Dictionary(grouping: try TaskStatements.obstacles(on: session), by: \.nodeID)
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
