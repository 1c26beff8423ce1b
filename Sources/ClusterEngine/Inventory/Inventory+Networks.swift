import ClusterModel
import ClusterStore
import MariaDB

extension Inventory {
    /// Adds a network.
    ///
    /// - Throws: `ClusterOpsError`, with code `conflict` when the name or the VNI is taken, when nodes may have
    ///   devices of an earlier network of the VNI, when its addresses are those of nodes or of the external network, or
    ///   when there is no external address for its NAT.
    package func addNetwork(_ draft: NetworkDraft) async throws -> Changed<NetworkSnapshot> {
        try draft.check()
        let id = NetworkID.new()
        return try await change { transaction in
            do {
                try NetworkStatements.insert(draft, id: id, in: transaction)
            } catch {
                throw Self.conflict(
                    error,
                    [
                        "networks_by_name": "there is a network '\(draft.name)' already",
                        "networks_by_vni": "VNI \(draft.vni) is another network's already",
                    ]
                )
            }
            try Self.refuseHeld(draft.vni, in: transaction)
            try Self.refuseOverlap(of: draft, in: transaction)
            if draft.nat { try Self.giveNAT(id, draft.name, draft.cidr, in: transaction) }
            // No node hosts an interface of it yet; those that may be elected have their part of the mesh ready.
            let nodes = try Self.meshNodes(of: id, in: transaction)
            let work = AppliedWork(tasks: [.networkApplyCreateNetworkNode], network: draft.name)
            let object = try Self.snapshot(of: draft.name, in: transaction)
            return Change(
                object,
                audited: AuditedChange(.networkAdded, object),
                enqueued: try apply([work] + AppliedWork.mesh(draft.name, on: nodes), in: transaction)
            )
        }
    }

    /// Lists the networks, by name.
    package func networks() async throws -> [NetworkSnapshot] {
        try await cluster.read { try Self.snapshots(nil, on: $0) }
    }

    /// Reads one network.
    package func network(_ name: NetworkName) async throws -> NetworkSnapshot {
        try await cluster.read { try Self.snapshot(of: name, on: $0) }
    }

    /// Reads the DHCP leases that the guests of a network hold, by address.
    package func leases(of name: NetworkName) async throws -> [GuestLease] {
        _ = try await network(name)
        return try await cluster.read { session in try DHCPLeaseStatements.leases(of: name, on: session) }
    }

    /// Changes a network; what it is already is no change.
    ///
    /// - Throws: `ClusterOpsError` with code `notFound` when there is no such network, with code `invalid` for what
    ///   cannot work, with code `conflict` when its NAT cannot be given or taken, or a guest's full name would be too
    ///   long.
    package func changeNetwork(_ name: NetworkName, _ wanted: NetworkChange) async throws -> Changed<NetworkSnapshot> {
        try wanted.check()
        return try await change { transaction in
            guard let network = try NetworkStatements.lock(name, in: transaction) else {
                throw Self.unknownNetwork(name)
            }
            if let domain = wanted.newDomain { try Self.refuseTooLong(domain, of: network, in: transaction) }
            let isOtherNAT = try Self.changeNAT(of: network, to: wanted.nat, in: transaction)
            let changed = wanted.applied(to: network, isOtherNAT: isOtherNAT)
            guard isOtherNAT || changed != network else {
                return .none(try Self.snapshot(of: name, in: transaction))
            }
            try NetworkStatements.update(changed, in: transaction)
            try NetworkStatements.bump([network.id], in: transaction)
            // Every node's part has a generation of its own to reach, also where its devices stay as they are.
            let nodes = try Self.meshNodes(of: network.id, in: transaction)
            let work = [AppliedWork.servers(name)] + AppliedWork.mesh(name, on: nodes)
            let object = try Self.snapshot(of: name, in: transaction)
            return Change(
                object,
                audited: AuditedChange(.networkChanged, object),
                enqueued: try apply(work, in: transaction)
            )
        }
    }

    /// Removes a network that has no interfaces; its VNI is held until no node has anything of it.
    ///
    /// - Throws: `ClusterOpsError` with code `conflict` while it has any.
    package func removeNetwork(_ name: NetworkName) async throws -> Changed<NetworkSnapshot> {
        try await change { transaction in
            guard let network = try NetworkStatements.lock(name, in: transaction) else {
                throw Self.unknownNetwork(name)
            }
            let interfaces = try NetworkStatements.interfaceCount(of: network.id, on: transaction.session)
            guard interfaces == 0 else {
                throw ClusterOpsError(
                    .conflict,
                    "network '\(name)' still has \(interfaces) interface\(interfaces == 1 ? "" : "s"): "
                        + "remove them first"
                )
            }
            let object = try Self.snapshot(of: name, in: transaction)
            // Before the row goes: operations find their target by its name when they are enqueued, and keep it.
            // Names and files of the nodes go by the VNI, which nobody can look up once the row is gone.
            let parameters = "{\"vni\":\(object.record.vni)}"
            // Those that should have it too: one that is just making it has nothing written down.
            let meshed = Set(object.applied.filter { $0.what == .mesh }.map(\.node))
                .union(try Self.meshNodes(of: network.id, in: transaction)).sorted()
            try VNIHoldStatements.insert(network, for: meshed, in: transaction)
            let work =
                [
                    AppliedWork(
                        tasks: [.networkApplyRemoveDNSMasq, .networkApplyDeleteNetworkNode],
                        network: name,
                        parameters: parameters
                    )
                ]
                + meshed.map {
                    AppliedWork(
                        tasks: [.networkApplyDeleteHypervisor],
                        network: name,
                        node: $0,
                        parameters: parameters
                    )
                }
            let enqueued = try apply(work, in: transaction)
            try NetworkStatements.delete(network.id, in: transaction)
            return Change(object, audited: AuditedChange(.networkRemoved, object), enqueued: enqueued)
        }
    }

    /// Asks for all that a network takes, everywhere, as if it had changed; its generation stays.
    package func reconcileNetwork(_ name: NetworkName) async throws -> Changed<NetworkSnapshot> {
        try await change { transaction in
            guard let network = try NetworkStatements.lock(name, in: transaction) else {
                throw Self.unknownNetwork(name)
            }
            let nodes = try Self.meshNodes(of: network.id, in: transaction)
            let work = [AppliedWork.servers(name)] + AppliedWork.mesh(name, on: nodes)
            let enqueued = try enqueue(work, in: transaction)
            return Change(try Self.snapshot(of: name, in: transaction), audited: nil, enqueued: enqueued)
        }
    }

    /// Every node that takes part in a network's mesh: the hosts of its interfaces, and those that may be elected.
    package static func meshNodes(of network: NetworkID, in transaction: borrowing Transaction) throws -> Set<NodeName>
    {
        try NetworkStatements.networkNodes(on: transaction.session)
            .union(try NetworkStatements.hosts(of: network, on: transaction.session)[network] ?? [])
    }

    package static func snapshot(of name: NetworkName, in transaction: borrowing Transaction) throws -> NetworkSnapshot
    {
        try snapshot(of: name, on: transaction.session)
    }

    package static func snapshot(of name: NetworkName, on session: borrowing Session) throws -> NetworkSnapshot {
        guard let network = try snapshots(name, on: session).first else { throw unknownNetwork(name) }
        return network
    }

    private static func snapshots(_ name: NetworkName?, on session: borrowing Session) throws -> [NetworkSnapshot] {
        let networks = try NetworkStatements.networks(name, on: session)
        // One network is read alone; for a list, each table is read once.
        let only = name == nil ? nil : networks.first?.id
        if name != nil, only == nil { return [] }
        let applied = try AppliedStatements.applied(of: only, on: session)
        let problems = try AppliedStatements.problems(of: only, on: session)
        let hosts = try NetworkStatements.hosts(of: only, on: session)
        let candidates = try NetworkStatements.networkNodes(on: session)
        let external = try ExternalStatements.networkAddresses(of: only, on: session)
        let leader = try LeaseStatements.leader(ElectedLease.networkNode, on: session)
        let dataPlane = try DataPlaneStatements.findings(on: session)
        var snapshots = networks.map { network in
            let nodes = candidates.union(hosts[network.id] ?? [])
            let (faults, isAnswering) = dataPlane.judge(
                DataPlaneFindings.Need(
                    nodes: nodes,
                    mtu: network.mtu,
                    needsEgress: external[network.id] != nil,
                    elected: leader?.holder
                )
            )
            let convergence = Convergence(
                meshNodes: nodes,
                needsServer: network.dhcp || network.dns,
                needsEgress: external[network.id] != nil,
                wantedGeneration: network.generation,
                elected: leader?.holder,
                term: leader.flatMap { $0.holder == nil ? nil : $0.term }
            )
            let reached = applied[network.id] ?? []
            let missing = convergence.missing(from: reached)
            return NetworkSnapshot(
                record: network,
                externalAddress: external[network.id],
                applied: reached,
                problems: DataPlaneFindings.joined(problems[network.id] ?? [], faults),
                missing: missing,
                converged: isAnswering && missing.isEmpty
            )
        }
        let lacking = Set(snapshots.flatMap { $0.missing.compactMap(\.node) })
        let withNetnode = try NodeStatements.withNetnode(among: lacking, on: session)
        for index in snapshots.indices { snapshots[index].withNetnode = withNetnode }
        return snapshots
    }
}
