extension ClusterConnection {
    /// Every process that is supervised anywhere in the cluster, by node and name; one statement, shared by all who ask at
    /// once.
    package func services() async throws -> ListView<ServiceView> {
        try await Self.translatingErrors { try await glances.services.value() }
    }

    /// The cluster at a glance; one statement, however large the cluster and however many ask at once.
    package func status() async throws -> StatusView {
        try await Self.translatingErrors { try await glances.status.value() }
    }

    /// The cluster at a glance with what it does at this moment; one statement as well.
    package func activity() async throws -> ClusterActivity {
        try await read { try ActivityStatements.activity(on: $0) }
    }
}
