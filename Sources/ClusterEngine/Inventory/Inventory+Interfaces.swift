import ClusterModel
import ClusterStore
import MariaDB

extension Inventory {
    /// Adds a guest's interface.
    ///
    /// - Throws: `ClusterOpsError`: `invalid` for an address that no guest of the network may have or a host name
    ///   that cannot be used, `conflict` when the
    ///   MAC, the address or the host name is taken in the network.
    package func addInterface(_ draft: InterfaceDraft) async throws -> Changed<Interface> {
        let id = InterfaceID.new()
        return try await change { transaction in
            guard let network = try NetworkStatements.lock(draft.network, in: transaction) else {
                throw Self.unknownNetwork(draft.network)
            }
            guard let node = try NodeStatements.hold(draft.node, in: transaction) else {
                throw Self.unknownNode(draft.node)
            }
            try draft.check(in: network)
            do {
                try InterfaceStatements.insert(draft, id: id, network: network.id, node: node.id, in: transaction)
            } catch {
                throw Self.conflict(error, over: draft)
            }
            try InterfaceStatements.putAllowedAddresses(draft.allowedAddresses, of: id, in: transaction)
            try NetworkStatements.bump([network.id], in: transaction)
            let nodes = try Self.meshNodes(of: network.id, in: transaction)
            let work = [AppliedWork.servers(network.name)] + AppliedWork.mesh(network.name, on: nodes)
            let interface = Interface(id, draft, floatingAs: nil)
            return Change(
                interface,
                audited: AuditedChange(.interfaceAdded, interface),
                enqueued: try apply(work, in: transaction)
            )
        }
    }

    /// Changes a guest's interface, which stays in its network; what it is already is no change.
    ///
    /// - Throws: `ClusterOpsError`: as ``addInterface(_:)``, and `notFound` when there is no such interface or node.
    package func changeInterface(
        _ id: InterfaceID,
        _ wanted: InterfaceChange
    ) async throws -> Changed<Interface> {
        try await change { transaction in
            let (interface, network) = try Self.lock(id, in: transaction)
            let draft = wanted.applied(to: interface)
            guard let node = try NodeStatements.hold(draft.node, in: transaction) else {
                throw Self.unknownNode(draft.node)
            }
            let object = Interface(id, draft, floatingAs: interface)
            guard object != interface else { return .none(object) }
            try draft.check(in: network)
            do {
                try InterfaceStatements.update(id, to: draft, node: node.id, in: transaction)
            } catch {
                throw Self.conflict(error, over: draft)
            }
            if draft.allowedAddresses != interface.allowedAddresses {
                try InterfaceStatements.putAllowedAddresses(draft.allowedAddresses, of: id, in: transaction)
            }
            try NetworkStatements.bump([network.id], in: transaction)
            // The node that hosted it has something to take away.
            let nodes = try Self.meshNodes(of: network.id, in: transaction).union([interface.node])
            let work = [AppliedWork.servers(network.name)] + AppliedWork.mesh(network.name, on: nodes)
            return Change(
                object,
                audited: AuditedChange(.interfaceChanged, object),
                enqueued: try apply(work, in: transaction)
            )
        }
    }

    /// Lists interfaces, by network and address.
    ///
    /// - Throws: `ClusterOpsError` with code `notFound` for a network or node that does not exist.
    package func interfaces(network: NetworkName?, node: NodeName?) async throws -> [Interface] {
        try await cluster.read { session in
            if let network, try NetworkStatements.networks(network, on: session).isEmpty {
                throw Self.unknownNetwork(network)
            }
            if let node, try NodeStatements.nodes(node, on: session).isEmpty { throw Self.unknownNode(node) }
            return try InterfaceStatements.interfaces(.init(network: network, node: node), on: session)
        }
    }

    /// Reads one interface.
    package func interface(_ id: InterfaceID) async throws -> Interface {
        let found = try await cluster.read { try InterfaceStatements.interfaces(.init(id: id), on: $0) }
        guard let interface = found.first else { throw Self.unknownInterface(id) }
        return interface
    }

    /// Removes a guest's interface; its lease is given back as well.
    package func removeInterface(_ id: InterfaceID) async throws -> Changed<Interface> {
        try await change { transaction in
            let (interface, network) = try Self.lock(id, in: transaction)
            // Those of before the removal: the node that hosted it has something to take away.
            let nodes = try Self.meshNodes(of: network.id, in: transaction).union([interface.node])
            guard try InterfaceStatements.delete(id, in: transaction) else { throw Self.unknownInterface(id) }
            try NetworkStatements.bump([network.id], in: transaction)
            let lease = AppliedWork(
                tasks: [.networkRemoveDHCPLease],
                network: network.name,
                parameters: DHCPLease(mac: interface.mac, address: interface.address).parameters
            )
            let work = [AppliedWork.servers(network.name), lease] + AppliedWork.mesh(network.name, on: nodes)
            return Change(
                interface,
                audited: AuditedChange(.interfaceRemoved, interface),
                enqueued: try apply(work, in: transaction)
            )
        }
    }

    /// Reads an interface and its network, and keeps everybody from changing either until COMMIT.
    package static func lock(
        _ id: InterfaceID,
        in transaction: borrowing Transaction
    ) throws -> (Interface, NetworkRecord) {
        // The network is locked before the interface is read for good; an interface never changes its network.
        let seen = try InterfaceStatements.interfaces(.init(id: id), on: transaction.session).first
        guard let seen, let network = try NetworkStatements.lock(seen.network, in: transaction),
            let interface = try InterfaceStatements.interfaces(.init(id: id), on: transaction.session).first
        else { throw unknownInterface(id) }
        return (interface, network)
    }

    private static func conflict(_ error: any Error, over draft: InterfaceDraft) -> any Error {
        let place = "is taken in network '\(draft.network)'"
        return conflict(
            error,
            [
                "interfaces_by_mac": "MAC address \(draft.mac) \(place)",
                "interfaces_by_address": "address \(draft.address) \(place)",
                "interfaces_by_hostname": "host name '\(draft.hostname)' \(place)",
            ]
        )
    }

    private static func unknownInterface(_ id: InterfaceID) -> ClusterOpsError {
        ClusterOpsError(.notFound, "there is no interface '\(id)'")
    }
}

extension Interface {
    fileprivate init(_ id: InterfaceID, _ draft: InterfaceDraft, floatingAs before: Interface?) {
        self.init(
            id: id,
            network: draft.network,
            node: draft.node,
            mac: draft.mac,
            address: draft.address,
            hostname: draft.hostname,
            floatingAddress: before?.floatingAddress,
            floatingPorts: before?.floatingPorts ?? [],
            allowedAddresses: draft.allowedAddresses
        )
    }
}

/// The parameters of `network_remove_dhcp_lease`.
package struct DHCPLease: Codable, Sendable, Hashable {
    package let mac: MACAddress
    package let address: IPv4Address

    fileprivate var parameters: String { JSONColumn(self).text }
}

extension JSONColumn {
    fileprivate var text: String {
        guard case .text(let text) = sqlValue else { preconditionFailure("JSON is bound as text") }
        return text
    }
}
