extension ClusterConnection {
    /// The lease of the elected network node.
    package static let networkNodeLease = "networknode"

    /// Who is elected.
    package func leader() async throws -> LeaderView {
        try await read { try LeaseStatements.leader(Self.networkNodeLease, on: $0) }
            ?? LeaderView(name: Self.networkNodeLease, holder: nil, term: 0, expiresInSeconds: nil)
    }
}
