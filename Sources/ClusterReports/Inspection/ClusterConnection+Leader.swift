import ClusterEngine
import ClusterModel
import ClusterStore

extension ClusterConnection {
    /// Returns the elected node, its lease and its witnesses.
    package func leader() async throws -> LeaderDetailView {
        let lease = ElectedLease.networkNode
        return try await read { session in
            LeaderDetailView(
                lease,
                try LeaseStatements.leader(lease, on: session),
                try LeaseStatements.witnesses(of: lease, on: session)
            )
        }
    }
}
