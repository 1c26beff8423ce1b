import ClusterEngine
import ClusterModel
import ClusterStore

extension ClusterConnection {
    /// Returns the elected node and its lease.
    package func leader() async throws -> LeaderView {
        let lease = ElectedLease.networkNode
        return LeaderView(lease, try await read { try LeaseStatements.leader(lease, on: $0) })
    }
}
