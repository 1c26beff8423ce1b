import ClusterModel
import ClusterStore
import MariaDB

extension Inventory {
    /// Nodes that a refusal names; the others are counted.
    private static let mostNodesNamed = 3

    /// Refuses the VNI of a network that has just been added while a node may have devices of an earlier network.
    ///
    /// - Throws: `ClusterOpsError` with code `conflict`, which names the nodes and what they have.
    static func refuseHeld(_ vni: VNI, in transaction: borrowing Transaction) throws {
        // The network's own INSERT has waited for a removal that was under way, and this statement sees what it wrote.
        let holds = try VNIHoldStatements.holds(of: vni, on: transaction.session)
        guard let first = holds.first else { return }
        let named = holds.prefix(mostNodesNamed).map { hold in
            hold.devices.map { "node '\(hold.node)' still has \(ValueError.quotable($0))" }
                ?? "node '\(hold.node)' has not yet said that it has nothing left"
        }
        let rest = holds.count - named.count
        let more = rest == 0 ? "" : ", and \(rest) more node\(rest == 1 ? "" : "s")"
        throw ClusterOpsError(
            .conflict,
            "VNI \(vni) is not free yet: of network '\(first.networkName)', removed at \(first.since), "
                + "\(named.joined(separator: ", "))\(more). Unplug the guests' devices there, start a netnode that is "
                + "down, or remove the node"
        )
    }
}
