import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import MariaDB

/// Many operations at once: how fast they come in, and whether the last ones go as fast as the first.
struct BulkBench {
    /// What each of the two workers takes at once.
    private static let slots = 100

    let count: Int

    func measure(on server: PrivateServer) async throws -> [Figure] {
        let count = count
        let request = OperationRequest(tasks: [BuiltInTask.noop.name])
        return try await withCluster(connections: 20, on: server) { cluster in
            let enqueued = try await ContinuousClock().measure {
                _ = try await cluster.queue.enqueue(request, count: count)
            }
            let starts = Locked<[ContinuousClock.Instant]>([])
            let handler = CallingHandler(definition: BuiltInTask.noop.definition) { _ in
                starts.update { $0.append(.now) }
            }
            let floor = Floor(cluster: cluster, handlers: [handler], slots: Self.slots)
            let tenths = try await floor.run { _ in
                // A slow machine ends 300 of them a second.
                try await cluster.untilEmpty(within: .seconds(300 + count / 300))
                let (times, tenth) = (starts.value.sorted(), count / 10)
                return (first: times[tenth] - times[0], last: times[count - 1] - times[count - 1 - tenth])
            }
            let rate = { (operations: Int, time: Duration) in Double(operations) / (time / .seconds(1)) }
            return [
                Figure("bulk enqueue of \(count)", rate(count, enqueued), "ops/s", .atLeast(10_000)),
                Figure("drain of \(count): first tenth", rate(count / 10, tenths.first), "ops/s"),
                Figure("drain of \(count): last tenth", rate(count / 10, tenths.last), "ops/s"),
                Figure("drain of \(count): last tenth against first", tenths.first / tenths.last, "x", .atLeast(0.8)),
            ]
        }
    }
}
