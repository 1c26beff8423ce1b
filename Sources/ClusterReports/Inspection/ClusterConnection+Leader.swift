import ClusterEngine
import ClusterModel
import ClusterStore

extension ClusterConnection {
    /// Who is elected.
    package func leader() async throws -> LeaderView {
        let lease = ElectedLease.networkNode
        return LeaderView(lease, try await read { try LeaseStatements.leader(lease, on: $0) })
    }
}
