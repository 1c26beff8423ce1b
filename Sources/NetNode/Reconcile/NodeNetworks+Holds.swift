import ClusterModel
import ClusterStore
import MariaDB

/// The VNIs of removed networks, which nobody gets while this node may have something of them.
extension NodeNetworks {
    /// Devices that a hold names; the others are counted.
    ///
    /// A device's name has at most 15 bytes, so that they fit the column.
    private static let mostDevicesNamed = 8

    /// The VNIs that this node holds.
    func heldVNIs() async throws -> Set<VNI> {
        let node = node
        return try await reads.withSession { try VNIHoldStatements.vnis(heldBy: node, on: $0) }
    }

    /// The removed network for which this node holds a VNI; nil when it holds none.
    func networkHolding(_ vni: VNI) async throws -> NetworkID? {
        let node = node
        return try await database.withSession { try VNIHoldStatements.network(holding: vni, on: node, on: $0) }
    }

    /// Releases a VNI that this node has nothing of any more, or writes down which devices keep it.
    func settleHold(of vni: VNI, _ network: NetworkID, after deletion: MeshDeletion) async throws {
        let node = node
        let devices: [String]
        switch deletion {
        case .deleted, .absent: devices = []
        case .vetoed(let others): devices = others
        case .failed(let left, _): devices = left
        case .stillWanted: return
        }
        let rest = devices.count - Self.mostDevicesNamed
        let named =
            devices.prefix(Self.mostDevicesNamed).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
        try await database.withSession { session in
            if devices.isEmpty {
                try VNIHoldStatements.release(vni, of: network, on: node, on: session)
            } else {
                try VNIHoldStatements.setDevices(named, keeping: vni, of: network, on: node, on: session)
            }
        }
    }
}
