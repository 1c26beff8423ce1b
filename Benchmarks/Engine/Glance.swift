import ChildProcess
import ClusterEngine
import ClusterOpsTestKit
import ClusterReports
import Logging
import MariaDB

/// One of the two reads that show all of a cluster.
struct Glance: Sendable {
    let name: String
    /// How `clusterctl` is told to do it.
    let command: [String]
    let read: @Sendable (ClusterConnection) async throws -> Void

    static let status = Glance(name: "status of 1,000 nodes, 105 processes", command: ["status"]) {
        _ = try await $0.status()
    }
    static let services = Glance(name: "service list of 105 processes", command: ["service", "list"]) {
        _ = try await $0.services()
    }

    /// Why the command did not do it.
    struct CommandFailure: Error {
        let talk: String
    }

    /// Does it by the command, to its end.
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
