import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import MariaDB
import Measurement
import Synchronization

/// How soon an operation starts on an idle system, measured in committed INSERTs.
struct StartBench {
    private let rounds = 200

    func measure(on server: PrivateServer) async throws -> [Figure] {
        let rounds = rounds
        let (starts, continuation) = AsyncStream<ContinuousClock.Instant>.makeStream()
        let handler = CallingHandler(definition: BuiltInTask.noop.definition) { _ in continuation.yield(.now) }
        return try await withCluster(on: server) { cluster in
            try await cluster.execute("CREATE TABLE bench_rows (number INT AUTO_INCREMENT PRIMARY KEY, what TEXT)")
            return try await Floor(cluster: cluster, handlers: [handler], workers: 1).run { queue in
                var (insert, whole, wake) = (Distribution(), Distribution(), Distribution())
                var started = starts.makeAsyncIterator()
                for _ in 0..<rounds {
                    insert.add(
                        try await ContinuousClock().measure {
                            try await cluster.execute("INSERT INTO bench_rows (what) VALUES ('a committed row')")
                        }
                    )
                    let asked = ContinuousClock.now
                    _ = try await queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]))
                    let answered = ContinuousClock.now
                    guard let start = await started.next() else { break }
                    whole.add(start - asked)
                    wake.add(start - answered)
                    try await cluster.untilEmpty()
                }
                return [
                    Figure("one committed INSERT", insert.median, "ms"),
                    Figure("enqueue called to started, p50", whole.median, "ms"),
                    Figure("enqueue answered to started, p50", wake.median, "ms"),
                    Figure("enqueue called to started against INSERT", whole.median / insert.median, "x", .atMost(3)),
                    Figure("enqueue answered to started against INSERT", wake.median / insert.median, "x", .atMost(3)),
                    Figure("enqueue called to started, p99", whole.p99, "ms", .atMost(20)),
                ]
            }
        }
    }
}
