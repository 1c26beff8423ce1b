import MariaDB

extension ClusterConnection {
    /// Every process that is supervised anywhere in the cluster, by node and name; one statement.
    package func services() async throws -> ListView<ServiceView> {
        ListView(try await read { try SupervisionStatements.services(on: $0) })
    }

    /// The cluster at a glance; one statement, however large the cluster.
    package func status() async throws -> StatusView {
        try await read { try StatusStatements.status(on: $0) }
    }

    /// The cluster at a glance with what it does at this moment; one statement as well.
    package func activity() async throws -> ClusterActivity {
        try await read { try ActivityStatements.activity(on: $0) }
    }
}
