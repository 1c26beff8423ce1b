import ClusterModel
import ClusterStore
import MariaDB

/// Conditions for a change of a node's roles.
extension Inventory {
    /// Refuses roles that a locked node cannot have or give up now; all networks are locked too.
    ///
    /// - Parameters:
    ///   - roles: The roles that are wanted.
    ///   - node: The node as it is.
    ///   - address: The underlay address that the node has looked for on its devices; nil for one that is new.
    ///   - networks: All networks.
    ///   - transaction: The transaction that holds the locks.
    /// - Throws: `ClusterOpsError` with code `conflict`: a hypervisor hosts interfaces; a network node is the last one
    ///   while there are networks, or is elected and nobody could follow it; a node that is to be a network node does
    ///   not have its underlay address.
    static func refuse(
        _ roles: Set<NodeRole>,
        of node: NodeRecord,
        _ address: IPv4Address?,
        _ networks: [NetworkRecord],
        in transaction: borrowing Transaction
    ) throws {
        let before = Set(node.roles)
        if before.subtracting(roles).contains(.hypervisor) {
            try refuseInterfaces(of: node, "remove them, or move them to another node, first", in: transaction)
        }
        if before.subtracting(roles).contains(.network) { try refuseLoss(of: node, networks, in: transaction) }
        guard let address, roles.subtracting(before).contains(.network) else { return }
        let checks = try DataPlaneStatements.findings(on: transaction.session).checks
        if let fault = checks.first(where: { $0.node == node.name && $0.check == .underlayAddress }) {
            throw ClusterOpsError(
                .conflict,
                "node '\(node.name)' cannot be a network node with underlay address \(address): \(fault.reason)"
            )
        }
    }

    /// Refuses to take something from a node that hosts interfaces.
    static func refuseInterfaces(
        of node: NodeRecord,
        _ remedy: String,
        in transaction: borrowing Transaction
    ) throws {
        let interfaces = try NodeStatements.interfaceCount(of: node.id, on: transaction.session)
        guard interfaces > 0 else { return }
        throw ClusterOpsError(
            .conflict,
            "node '\(node.name)' still has \(interfaces) interface\(interfaces == 1 ? "" : "s"): \(remedy)"
        )
    }

    /// Refuses that the networks lose their last network node, or their leader while nobody could follow it.
    private static func refuseLoss(
        of node: NodeRecord,
        _ networks: [NetworkRecord],
        in transaction: borrowing Transaction
    ) throws {
        let others = try NetworkStatements.networkNodes(on: transaction.session).subtracting([node.name])
        guard !others.isEmpty || networks.isEmpty else {
            throw ClusterOpsError(
                .conflict,
                "node '\(node.name)' is the last network node, and there \(networks.count == 1 ? "is" : "are") "
                    + "\(networks.count) network\(networks.count == 1 ? "" : "s"): give another node the role first "
                    + "('clusterctl node set NAME --role hypervisor --role network')"
            )
        }
        guard try LeaseStatements.leader(ElectedLease.networkNode, on: transaction.session)?.holder == node.name,
            !networks.isEmpty
        else { return }
        let candidates = try LeaseStatements.candidates(limit: others.count + 1, on: transaction.session)
        guard candidates.contains(where: { $0.node != node.id && $0.isLive }) else {
            throw ClusterOpsError(
                .conflict,
                "node '\(node.name)' is elected, and no other network node is active and runs a netnode: start one, or "
                    + "undrain it, first"
            )
        }
    }
}
