import ClusterEngine
import ClusterModel
import ClusterStore
import Logging
import MariaDB

/// Networks whose rows do not parse: they are left as they are, and taken for strays by nobody.
extension NodeNetworks {
    /// A network that is left out as a whole, as problems name it.
    static let rowProblem = "row"

    /// Whether there is a network of a VNI, or of an id, be it one that cannot be read.
    func exists(_ vni: VNI?, _ network: NetworkID? = nil) async throws -> Bool {
        try await database.withSession { try MeshStatements.exists(vni: vni, network: network, on: $0) }
    }

    /// Writes down which networks are left as they are because their rows cannot be read.
    ///
    /// - Parameter known: those that the mesh has found already.
    /// - Returns: Which they are.
    /// - Throws: `DatabaseError`.
    func reportUnreadable(besides known: [UnreadableNetwork]) async throws -> Set<NetworkID> {
        // What only those know that may be elected is theirs to say.
        let more =
            try await isNetworkNode()
            ? database.withSession { try ServerStatements.rows(of: nil, on: $0) }.unreadable : []
        let all = Dictionary((known + more).map { ($0.id, $0) }) { _, last in last }
        for network in all.values {
            let message = "its row cannot be read, and what there is of it is left as it is: \(network.reason)"
            if try await ledger.problem(Self.rowProblem, of: network.id, message) {
                logger.error("a network is left out", metadata: ["id": "\(network.id)", "error": "\(network.reason)"])
            }
        }
        return Set(all.keys)
    }
}
