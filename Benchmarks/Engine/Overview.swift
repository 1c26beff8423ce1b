import ChildProcess
import ClusterEngine
import ClusterOpsTestKit
import ClusterReports
import Logging
import MariaDB

/// One of the two commands that show a whole cluster, as a read and as a program.
struct Overview: Sendable {
    let name: String
    /// The command of `clusterctl`.
    let command: [String]
    let read: @Sendable (ClusterConnection) async throws -> Void

    static let status = Overview(name: "status of 2,000 nodes", command: ["status"]) {
        _ = try await $0.status()
    }
    static let services = Overview(name: "service list of 105 processes", command: ["service", "list"]) {
        _ = try await $0.services()
    }

    /// The output of a command that failed.
    struct CommandFailure: Error {
        let talk: String
    }

    /// Runs the command to its end.
    func run(on cluster: TestCluster) async throws {
        guard case .socket(let socket) = cluster.configuration.endpoint else {
            throw CommandFailure(talk: "the private server has no socket")
        }
        let child = try await SupervisedChild.start(
            ChildSpecification(
                executable: try BuiltProduct.path("clusterctl"),
                arguments: command + ["--output", "json"],
                environment: [
                    "CLUSTEROPS_DATABASE_SOCKET": socket, "CLUSTEROPS_DATABASE_USER": "root",
                    "CLUSTEROPS_DATABASE_NAME": cluster.configuration.schema ?? "",
                ],
                standardError: .collect(limit: 4096, keeping: .head)
            )
        )
        guard try await child.exit == .code(0) else { throw CommandFailure(talk: child.standardError.text) }
    }
}

extension TestCluster {
    /// The cluster as a program sees it that shares nothing with others but the pool.
    var inspection: ClusterConnection {
        ClusterConnection(
            database: database,
            requester: "bench",
            waker: NoWaker(),
            logger: Logger(label: "bench", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    }
}
