import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import MariaDB
import Measurement

/// What dependencies cost: a pipeline as wide as a cluster, and a chain in which nothing but the hand-over is waited
/// for.
struct PipelineBench {
    private let width = 1000
    private let length = 300

    func measure(on server: PrivateServer) async throws -> [Figure] {
        let (width, length) = (width, length)
        return try await withCluster(connections: 20, on: server) { cluster in
            try await Floor(cluster: cluster, handlers: [NoopHandler()]).run { queue in
                var layers: [[OperationRequest]] = []
                for _ in 0..<3 {
                    let before = layers.last
                    layers.append((0..<width).map { place in Self.noop(after: [before?[place].id]) })
                }
                let last = Self.noop(after: layers[2].map(\.id))
                let begin = ContinuousClock.now
                _ = try await queue.submit(layers.flatMap { $0 } + [last])
                let submitted = ContinuousClock.now - begin
                try await cluster.untilEmpty()
                let wall = ContinuousClock.now - begin
                let count = Double(3 * width + 1)

                try await cluster.execute("DELETE FROM finished_operations")
                var chain: [OperationRequest] = []
                for _ in 0..<length { chain.append(Self.noop(after: [chain.last?.id])) }
                _ = try await queue.submit(chain)
                try await cluster.untilEmpty()
                let gaps = try await cluster.gaps(of: chain.compactMap(\.id))
                return [
                    Figure("pipeline 1,000 to 1,000 to 1,000 to 1: submitted", submitted / .milliseconds(1), "ms"),
                    Figure("pipeline: wall time", wall / .milliseconds(1), "ms"),
                    Figure("pipeline: per operation", wall / .milliseconds(1) / count, "ms"),
                    Figure("chain: dependency's end to dependent's start, p50", gaps.median, "ms"),
                    Figure("chain: dependency's end to dependent's start, p99", gaps.p99, "ms", .atMost(10)),
                ]
            }
        }
    }

    private static func noop(after dependencies: [OperationID?]) -> OperationRequest {
        OperationRequest(tasks: [BuiltInTask.noop.name], id: .new(), dependsOn: dependencies.compactMap(\.self))
    }
}

extension TestCluster {
    /// By the database's clock, between the end of each operation and the start of the next.
    fileprivate func gaps(of chain: [OperationID]) async throws -> Distribution {
        var gaps = Distribution()
        var before: Operation?
        for id in chain {
            let operation = try await operation(id)
            if let end = before?.finishedAt, let start = operation.startedAt {
                gaps.add(milliseconds: start.seconds(since: end) * 1000)
            }
            before = operation
        }
        return gaps
    }
}
