import ChildProcess
import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

extension TestCluster {
    /// Runs `clusterctl` on this cluster's schema.
    func clusterctl(
        _ arguments: String...,
        environment: [String: String] = [:],
        input: String? = nil
    ) async throws -> ProgramRun {
        try await ClusterCtlProgram.run(arguments, on: configuration, environment: environment, input: input)
    }

    /// Runs `clusterctl … -o json`, which must succeed, and reads its answer.
    func answer<Value: Decodable>(_ type: Value.Type = Value.self, _ arguments: String...) async throws -> Value {
        let run = try await ClusterCtlProgram.run(arguments + ["-o", "json"], on: configuration)
        try #require(run.status == 0, "\(arguments): \(run.talk)")
        return try JSONDecoder().decode(Value.self, from: Data(run.output.utf8))
    }
}

/// The program under test.
enum ClusterCtlProgram {
    static func run(
        _ arguments: [String],
        on configuration: ConnectionConfiguration,
        environment: [String: String] = [:],
        input: String? = nil,
        started: @escaping @Sendable (Int32) -> Void = { _ in }
    ) async throws -> ProgramRun {
        try await ProgramRun.run(
            try BuiltProduct.path("clusterctl"),
            arguments,
            environment: self.environment(for: configuration).merging(environment) { _, new in new },
            input: input,
            started: started
        )
    }

    /// Starts the program, to be looked at while it runs.
    static func start(
        _ arguments: [String],
        on cluster: TestCluster,
        environment: [String: String] = [:]
    ) async throws -> SupervisedChild {
        try await SupervisedChild.start(
            ChildSpecification(
                executable: try BuiltProduct.path("clusterctl"),
                arguments: arguments,
                environment: self.environment(for: cluster.configuration).merging(environment) { _, new in new },
                standardOutput: .collect(limit: 1 << 20, keeping: .head),
                standardError: .collect(limit: 1 << 20, keeping: .head)
            )
        )
    }

    static func environment(for configuration: ConnectionConfiguration) -> [String: String] {
        guard case .socket(let socket) = configuration.endpoint else {
            preconditionFailure("the private server listens on a socket")
        }
        return [
            "PATH": "/usr/bin:/bin",
            "CLUSTEROPS_DATABASE_SOCKET": socket,
            "CLUSTEROPS_DATABASE_USER": configuration.user,
            "CLUSTEROPS_DATABASE_NAME": configuration.schema ?? "",
        ]
    }
}
