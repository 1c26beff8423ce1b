import ClusterModel
import ClusterStore
import MariaDB

extension Inventory {
    /// Says what the networks' egress leads to, in place of what was said before; what is so already is no change.
    ///
    /// - Throws: `ClusterOpsError` with code `conflict` when addresses that are given out, or networks, do not go with
    ///   it.
    package func setExternalNetwork(_ wanted: ExternalNetwork) async throws -> Changed<ExternalNetworkUse> {
        try await change { transaction in
            let networks = try NetworkStatements.lockAll(in: transaction)
            let before = try ExternalStatements.lock(in: transaction)
            // Its row is held from here on, also where it is new: nobody gives out an address meanwhile.
            if wanted != before { try ExternalStatements.put(wanted, in: transaction) }
            let taken = try ExternalStatements.taken(on: transaction.session)
            let use = ExternalNetworkUse(wanted, taken: taken)
            guard wanted != before else { return .none(use) }
            if let lost = taken.filter({ !wanted.contains($0) }).min() {
                throw ClusterOpsError(.conflict, "address \(lost) is given out, and would not be one to give out")
            }
            for network in networks {
                guard let cidr = network.cidr, cidr.overlaps(wanted.cidr) else { continue }
                throw ClusterOpsError(
                    .conflict,
                    "network '\(network.name)', which is \(cidr), overlaps with the external network \(wanted.cidr)"
                )
            }
            let own = try ExternalStatements.networkAddresses(on: transaction.session)
            let concerned = networks.filter { own[$0.id] != nil }
            let audited = AuditedChange(.externalNetworkSet, wanted)
            // Another range alone changes nothing that is made.
            guard let before, before.cidr != wanted.cidr || before.gateway != wanted.gateway else {
                return Change(use, audited: audited)
            }
            try NetworkStatements.bump(concerned.map(\.id), in: transaction)
            let work = try concerned.flatMap { try Self.everything(of: $0, in: transaction) }
            return Change(use, audited: audited, enqueued: try apply(work, in: transaction))
        }
    }

    /// Reads the external network.
    ///
    /// - Throws: `ClusterOpsError` with code `notFound` when there is none.
    package func externalNetwork() async throws -> ExternalNetworkUse {
        try await cluster.read { session in
            guard let external = try ExternalStatements.externalNetwork(on: session) else {
                throw Self.noExternalNetwork(.notFound)
            }
            return ExternalNetworkUse(external, taken: try ExternalStatements.taken(on: session))
        }
    }

    /// Removes the external network, of which no address is given out.
    ///
    /// - Throws: `ClusterOpsError` with code `conflict` while one is, and `notFound` when there is none.
    package func removeExternalNetwork() async throws -> Changed<ExternalNetworkUse> {
        try await change { transaction in
            guard let external = try ExternalStatements.lock(in: transaction) else {
                throw Self.noExternalNetwork(.notFound)
            }
            let taken = try ExternalStatements.taken(on: transaction.session)
            guard taken.isEmpty else {
                throw ClusterOpsError(
                    .conflict,
                    "\(taken.count) external address\(taken.count == 1 ? " is" : "es are") given out: take back the "
                        + "networks' NAT first"
                )
            }
            try ExternalStatements.delete(in: transaction)
            return Change(
                ExternalNetworkUse(external, taken: taken),
                audited: AuditedChange(.externalNetworkRemoved, external)
            )
        }
    }

    // MARK: NAT of a network

    /// Gives or takes the external address of a locked network, if that is wanted and not so already.
    ///
    /// - Returns: Whether something changed.
    static func changeNAT(
        of network: NetworkRecord,
        to isWanted: Bool?,
        in transaction: borrowing Transaction
    ) throws -> Bool {
        let hasNAT = try ExternalStatements.networkAddresses(of: network.id, on: transaction.session)[network.id] != nil
        guard let isWanted, isWanted != hasNAT else { return false }
        guard !isWanted else {
            try giveNAT(network.id, network.name, network.addresses, in: transaction)
            return true
        }
        let floats = try ExternalStatements.floatCount(of: network.id, on: transaction.session)
        guard floats == 0 else {
            throw ClusterOpsError(
                .conflict,
                "network '\(network.name)' still has \(floats) floating address\(floats == 1 ? "" : "es"): "
                    + "'clusterctl interface unfloat' takes them back"
            )
        }
        try ExternalStatements.take(from: network.id, in: transaction)
        return true
    }

    /// Gives a network its external address.
    static func giveNAT(
        _ id: NetworkID,
        _ name: NetworkName,
        _ cidr: CIDR,
        in transaction: borrowing Transaction
    ) throws {
        let external = try lockExternalNetwork(in: transaction)
        guard !cidr.overlaps(external.cidr) else {
            throw ClusterOpsError(
                .invalid,
                "network '\(name)' is \(cidr), which overlaps with the external network \(external.cidr): "
                    + "it cannot have NAT"
            )
        }
        try ExternalStatements.give(try free(in: external, transaction), to: id, in: transaction)
    }

    // MARK: Floating addresses

    /// Gives an interface a floating address, or another list of ports; what it has already is no change.
    ///
    /// - Parameters:
    ///   - id: whose.
    ///   - address: which one; nil is any that is free.
    ///   - ports: the ports that lead to the guest, none for all of them; nil leaves those of an address that it has.
    /// - Returns: The interface with its address, and the operations that make it.
    /// - Throws: `ClusterOpsError`: `conflict` when the network has no NAT, the address is taken, none is free, or the
    ///   interface has another one; `invalid` for an address that is not to be given out.
    package func floatInterface(
        _ id: InterfaceID,
        _ address: IPv4Address? = nil,
        ports: Set<FloatingPort>? = nil
    ) async throws -> Changed<Interface> {
        let ports = ports?.sorted()
        guard ports?.count ?? 0 <= FloatingPort.most else {
            throw ClusterOpsError(.invalid, "a floating address can have a list of at most \(FloatingPort.most) ports")
        }
        return try await change { transaction in
            let (interface, network) = try Self.lock(id, in: transaction)
            if let has = interface.floatingAddress {
                guard address == nil || address == has else {
                    throw ClusterOpsError(
                        .conflict,
                        "interface \(id) has the floating address \(has): take that back first"
                    )
                }
                guard let ports, ports != interface.floatingPorts else {
                    return .none(interface)
                }
                try ExternalStatements.putPorts(ports, of: has, in: transaction)
                return try refloated(id, in: network, transaction)
            }
            guard try ExternalStatements.networkAddresses(of: network.id, on: transaction.session)[network.id] != nil
            else {
                throw ClusterOpsError(
                    .conflict,
                    "network '\(network.name)' has no NAT: 'clusterctl network set \(network.name) --nat' gives it"
                )
            }
            let external = try Self.lockExternalNetwork(in: transaction)
            if let address, !external.contains(address) {
                throw ClusterOpsError(
                    .invalid,
                    "address \(address) is not to be given out: expected one from \(external.first) to "
                        + "\(external.last) that is not the gateway's"
                )
            }
            let given = try address ?? Self.free(in: external, transaction)
            do {
                try ExternalStatements.give(given, to: network.id, interface: id, in: transaction)
            } catch {
                throw Self.conflict(error, ["PRIMARY": "external address \(given) is taken"])
            }
            try ExternalStatements.putPorts(ports ?? [], of: given, in: transaction)
            return try refloated(id, in: network, transaction)
        }
    }

    /// Takes back an interface's floating address; without one it is no change.
    package func unfloatInterface(_ id: InterfaceID) async throws -> Changed<Interface> {
        try await change { transaction in
            let (interface, network) = try Self.lock(id, in: transaction)
            guard interface.floatingAddress != nil else { return .none(interface) }
            try ExternalStatements.take(from: id, in: transaction)
            return try refloated(id, in: network, transaction)
        }
    }

    private func refloated(
        _ id: InterfaceID,
        in network: NetworkRecord,
        _ transaction: borrowing Transaction
    ) throws -> Change<Interface> {
        try NetworkStatements.bump([network.id], in: transaction)
        let (interface, _) = try Self.lock(id, in: transaction)
        let work = try Self.everything(of: network, in: transaction)
        return Change(
            interface,
            audited: AuditedChange(.interfaceChanged, interface),
            enqueued: try apply(work, in: transaction)
        )
    }

    /// Returns the work that applies a change of a network's egress: the elected node's work, and every node's part of
    /// the mesh, with which those that may be elected make egress ready.
    private static func everything(
        of network: NetworkRecord,
        in transaction: borrowing Transaction
    ) throws -> [AppliedWork] {
        let nodes = try meshNodes(of: network.id, in: transaction)
        return [AppliedWork.servers(network.name)] + AppliedWork.mesh(network.name, on: nodes)
    }

    // MARK: The pool

    private static func lockExternalNetwork(in transaction: borrowing Transaction) throws -> ExternalNetwork {
        guard let external = try ExternalStatements.lock(in: transaction) else { throw noExternalNetwork(.conflict) }
        return external
    }

    private static func free(
        in external: ExternalNetwork,
        _ transaction: borrowing Transaction
    ) throws -> IPv4Address {
        let taken = try ExternalStatements.taken(on: transaction.session)
        guard let address = external.firstFree(except: taken) else {
            throw ClusterOpsError(
                .conflict,
                "all \(external.size) external addresses from \(external.first) to \(external.last) are given out"
            )
        }
        return address
    }

    private static func noExternalNetwork(_ code: ClusterOpsError.Code) -> ClusterOpsError {
        ClusterOpsError(code, "there is no external network: 'clusterctl external set' says what it is")
    }
}

extension ExternalNetworkUse {
    fileprivate init(_ external: ExternalNetwork, taken: Set<IPv4Address>) {
        self.init(network: external, addressesUsed: taken.count)
    }
}
