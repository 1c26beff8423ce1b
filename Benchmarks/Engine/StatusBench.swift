import ClusterOps
import ClusterOpsTestKit
import Foundation
import Logging
import MariaDB
import Measurement

/// What a glance at a large cluster costs, and what a hundred at once cost.
struct StatusBench {
    private let rounds = 100
    private let callers = 100

    func measure(on server: PrivateServer) async throws -> [Figure] {
        let (rounds, callers) = (rounds, callers)
        return try await withCluster(connections: callers, on: server) { cluster in
            try await cluster.addLargeCluster(nodes: 1000, processes: 105)
            try await cluster.fillBacklog(20_000)
            let connection = ClusterConnection(
                database: cluster.database,
                requester: "bench",
                waker: NoWaker(),
                logger: Logger(label: "bench", factory: { _ in SwiftLogNoOpLogHandler() })
            )
            var (status, services) = (Distribution(), Distribution())
            for _ in 0..<rounds {
                status.add(try await ContinuousClock().measure { _ = try await connection.status() })
                services.add(try await ContinuousClock().measure { _ = try await connection.services() })
            }
            // Each caller has a connection, opened and its statement prepared before.
            func all() async throws {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<callers { group.addTask { _ = try await connection.services() } }
                    try await group.waitForAll()
                }
            }
            try await all()
            let together = try await ContinuousClock().measure { try await all() } / .milliseconds(1)
            let processors = Double(ProcessInfo.processInfo.activeProcessorCount)
            return [
                Figure("status of 1,000 nodes, 105 processes", status.median, "ms", .atMost(10)),
                Figure("status of 1,000 nodes, 105 processes, p99", status.p99, "ms"),
                Figure("service list of 105 processes", services.median, "ms", .atMost(10)),
                Figure("\(callers) service lists at once", together, "ms"),
                Figure(
                    "\(callers) at once against one, for each of \(Int(processors)) processors",
                    together / services.median * processors / Double(callers),
                    "x",
                    .atMost(10)
                ),
            ]
        }
    }
}
