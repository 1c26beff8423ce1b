import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import MariaDB

/// The end of an operation on which very many depend: how long each of its transactions takes, and all of it.
struct CascadeBench {
    private let released = 40_000
    private let aborted = 100_001

    func measure(on server: PrivateServer) async throws -> [Figure] {
        let release = try await measure("release", released, on: server) { cluster, root in
            var worker = try cluster.worker()
            try await worker.settle(try await worker.claim(1), .succeeded(result: nil))
        }
        let abort = try await measure("abort", aborted, on: server) { cluster, root in
            _ = try await cluster.queue.cancel(root)
        }
        return release + abort
    }

    private func measure(
        _ what: String,
        _ dependents: Int,
        on server: PrivateServer,
        _ end: @escaping @Sendable (TestCluster, OperationID) async throws -> Void
    ) async throws -> [Figure] {
        try await withCluster(on: server) { cluster in
            let noop = BuiltInTask.noop.name
            let root = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [root]), count: dependents)
            let begin = ContinuousClock.now
            try await end(cluster, root)
            let first = ContinuousClock.now - begin
            var longest = first
            try await CascadeWork(database: cluster.database).runAll { longest = max(longest, $0) }
            let all = ContinuousClock.now - begin
            return [
                Figure("\(what) \(dependents) dependents: ending transaction", first / .milliseconds(1), "ms"),
                Figure(
                    "\(what) \(dependents) dependents: longest transaction",
                    longest / .milliseconds(1),
                    "ms",
                    .atMost(300)
                ),
                Figure("\(what) \(dependents) dependents: all", all / .seconds(1), "s"),
            ]
        }
    }
}
