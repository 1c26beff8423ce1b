import ClusterOpsTestKit
import Measurement

/// The cost of an overview of a large cluster to one caller who asks again and again, with few networks and with many.
struct StatusBench {
    static let rounds = 100
    private static let nodes = 2000
    private static let waiting = 20_000

    func measure(on server: PrivateServer) async throws -> [Figure] {
        try await withCluster(on: server) { cluster in
            try await Self.fill(cluster, networks: 105, guests: 10)
            return try await measure(.status, Overview.status.name, of: cluster, on: server)
                + measure(.services, Overview.services.name, of: cluster, on: server)
        }
    }

    /// Measures the same with 5,000 networks; to fill those takes much longer than to measure.
    func measureNetworks(on server: PrivateServer) async throws -> [Figure] {
        try await withCluster(on: server) { cluster in
            try await Self.fill(cluster, networks: 5000, guests: 20)
            return try await measure(.status, "\(Overview.status.name), 5,000 networks", of: cluster, on: server)
        }
    }

    /// Fills a cluster with nodes that have sessions, networks with their processes and guests, and a backlog.
    static func fill(_ cluster: TestCluster, networks: Int, guests: Int) async throws {
        try await cluster.addLargeCluster(nodes: nodes, processes: networks, guests: guests)
        try await cluster.fillBacklog(waiting)
    }

    private func measure(
        _ overview: Overview,
        _ name: String,
        of cluster: TestCluster,
        on server: PrivateServer
    ) async throws -> [Figure] {
        let read = { try await overview.read(cluster.inspection) }
        // It opens a connection and prepares: that is no part of what is asked again and again.
        try await read()
        let before = ProcessorTime.used(by: server)
        let one = try await Distribution.median(of: Self.rounds, read)
        // One more than what the median is of.
        let used = (ProcessorTime.used(by: server) - before) / Double(Self.rounds + 1)
        return [
            Figure(name, one, "ms", .atMost(20)),
            Figure("\(name): processor time of the database", used * 1000, "ms", .atMost(20)),
        ]
    }
}
