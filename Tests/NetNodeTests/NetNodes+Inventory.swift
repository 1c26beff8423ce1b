import ClusterEngine
import ClusterModel
import ClusterOpsTestKit

extension NetNodes {
    /// What `clusterctl` would do; it wakes nobody.
    var inventory: Inventory {
        Inventory(
            ClusterConnection(
                database: world.cluster.database,
                requester: "test",
                waker: NoWaker(),
                logger: .silent
            )
        )
    }

    /// Says what egress leads to, as ``connectOutside(_:_:to:)`` makes it; networks get addresses from 203.0.113.10 on.
    func defineExternal() async throws {
        _ = try await inventory.setExternalNetwork(
            try ExternalNetwork(
                cidr: try CIDR("203.0.113.0/24"),
                gateway: try IPv4Address(EgressWorld.outsideAddress),
                first: try IPv4Address("203.0.113.10")
            )
        )
    }
}
