import ClusterModel
import ClusterOpsTestKit
import Foundation
import FoundationNetworking
import MariaDB

/// A real `queueworker`, its configuration file, and what it shows.
struct FacedWorker: Sendable {
    let program: RunningProgram
    let directory: String

    var configurationPath: String { "\(directory)/config.yaml" }

    /// Starts a worker of the node h1 that listens on a free port.
    static func start(
        _ connection: ConnectionConfiguration,
        tasks: String = "{}",
        environment: [String: String] = [:],
        arguments: [String] = []
    ) async throws -> FacedWorker {
        let directory = try PrivateServer.shared.directory.scratch()
        let path = "\(directory)/config.yaml"
        try Self.file(tasks: tasks).write(toFile: path, atomically: true, encoding: .utf8)
        let all = try Self.environment(connection, path: path).merging(environment) { _, own in own }
        let program = try await RunningProgram(
            "queueworker",
            ["run", "--node", "h1"] + arguments,
            environment: all
        )
        return FacedWorker(program: program, directory: directory)
    }

    static func file(tasks: String, rest: String = "") -> String {
        "worker: {staleness_bound: 30s}\n\(rest)tasks: \(tasks)\n"
    }

    func rewrite(tasks: String, rest: String = "") throws {
        try Self.file(tasks: tasks, rest: rest).write(toFile: configurationPath, atomically: true, encoding: .utf8)
    }

    static func environment(_ connection: ConnectionConfiguration, path: String) throws -> [String: String] {
        guard case .socket(let socket) = connection.endpoint, let schema = connection.schema else {
            throw ClusterOpsError(.invalid, "the test's server has a socket and a schema")
        }
        return [
            "CLUSTEROPS_CONFIG": path, "CLUSTEROPS_DATABASE_SOCKET": socket, "CLUSTEROPS_DATABASE_NAME": schema,
            "CLUSTEROPS_DATABASE_USER": "root", "CLUSTEROPS_WORKER_POLL_INTERVAL": "100ms",
            "CLUSTEROPS_SESSION_LEASE": "2s", "CLUSTEROPS_SESSION_RENEW": "400ms",
            "CLUSTEROPS_NODE_UNDERLAY_ADDRESS": "127.0.0.1", "CLUSTEROPS_HTTP_QUEUEWORKER": "127.0.0.1:0",
        ]
    }

    /// The messages of its log with their metadata.
    var log: [[String: String]] {
        program.log.split(separator: "\n").compactMap { line in
            (try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?.mapValues { "\($0)" }
        }
    }

    func entries(_ message: String) -> [[String: String]] { log.filter { $0["message"] == message } }

    /// Where it listens.
    func address() async throws -> String {
        var address: String?
        try await eventually("it listens") {
            address = entries("showing metrics and health").last?["address"]
            return address != nil
        }
        return address ?? ""
    }

    /// What a path answers; nil when nobody does.
    func get(_ path: String) async throws -> (status: Int, body: String)? {
        guard let url = URL(string: "http://\(try await address())/\(path)") else { return nil }
        var request = URLRequest(url: url)
        request.timeoutInterval = 20
        guard let (data, response) = try? await URLSession.shared.data(for: request),
            let status = (response as? HTTPURLResponse)?.statusCode
        else { return nil }
        return (status, String(decoding: data, as: UTF8.self))
    }

    func status(_ path: String) async throws -> Int? { try await get(path)?.status }

    func metrics() async throws -> MetricsPage { try MetricsPage(try await get("metrics")?.body ?? "") }
}

/// Gives a test a cluster with the node h1.
func withFacedCluster(
    on server: PrivateServer? = nil,
    _ body: @Sendable (TestCluster) async throws -> Void
) async throws {
    try await withCluster(on: server) { cluster in
        try await cluster.addNode("h1")
        try await body(cluster)
    }
}
