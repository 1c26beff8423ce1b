import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import MariaDB

/// Many operations at once: how fast they come in, and whether the last ones go as fast as the first.
struct BulkBench {
    let rows: Int
    let drain: Int

    func measure(on server: PrivateServer) async throws -> [Figure] {
        let (rows, drain) = (rows, drain)
        let request = OperationRequest(tasks: [BuiltInTask.noop.name])
        let enqueued = try await withCluster(on: server) { cluster in
            try await ContinuousClock().measure { _ = try await cluster.queue.enqueue(request, count: rows) }
        }
        let tenths = try await withCluster(connections: 20, on: server) { cluster in
            _ = try await cluster.queue.enqueue(request, count: drain)
            let ends = Locked<[ContinuousClock.Instant]>([])
            let handler = CallingHandler(definition: BuiltInTask.noop.definition) { _ in
                ends.update { $0.append(.now) }
            }
            return try await Floor(cluster: cluster, handlers: [handler]).run { _ in
                // A slow machine ends 300 of them a second.
                try await cluster.untilEmpty(within: .seconds(300 + drain / 300))
                let (times, tenth) = (ends.value.sorted(), drain / 10)
                return (first: times[tenth] - times[0], last: times[drain - 1] - times[drain - 1 - tenth])
            }
        }
        let seconds = { (duration: Duration) in duration / .seconds(1) }
        return [
            Figure("bulk enqueue of \(rows)", Double(rows) / seconds(enqueued), "ops/s", .atLeast(10_000)),
            Figure("drain of \(drain): first tenth", Double(drain / 10) / seconds(tenths.first), "ops/s"),
            Figure("drain: last tenth", Double(drain / 10) / seconds(tenths.last), "ops/s"),
            Figure("drain: first tenth's rate against last's", tenths.last / tenths.first, "x", .atMost(1.5)),
        ]
    }
}
