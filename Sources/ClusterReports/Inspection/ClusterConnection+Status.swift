import ClusterEngine
import ClusterStore

extension ClusterConnection {
    /// Every process that is supervised anywhere in the cluster, by node and name; one statement, shared by all who
    /// ask at once.
    package func services() async throws -> ListView<ServiceView> {
        try await read { try SupervisionStatements.services(on: $0) }.view
    }

    /// The cluster at a glance; one statement, however large the cluster and however many ask at once.
    package func status() async throws -> StatusView {
        try StatusView(try await read { try StatusStatements.rows(on: $0) })
    }

    /// The cluster at a glance with what it does at this moment; one statement as well.
    package func activity() async throws -> ClusterActivity {
        try ClusterActivity(try await read { try ActivityStatements.rows(on: $0) })
    }
}
