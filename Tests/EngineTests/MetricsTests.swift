import ClusterOpsTestKit
import MariaDB
import MetricsTestKit
import Testing

@testable import ClusterOps

/// What a worker tells the process's metrics.
@Suite(.timeLimit(.minutes(15))) struct MetricsTests {
    @Test func `wait and run are measured per task and lane, and attempts are counted by how they ended`() async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let recorded = TestMetrics()
            let reboot = TaskDefinition(
                name: try TaskName("reboot"),
                kind: .command,
                isCoalescible: false,
                maximumAttempts: 1,
                timeout: .seconds(60)
            )
            let failing = RecordingHandler(reboot, log: EffectLog(), course: { _ in .fail })
            let metrics = WorkMetrics(factory: recorded)
            let worker = try cluster.liveWorker("h1", handlers: [NoopHandler(), failing], metrics: metrics)
            try await cluster.withWorkers([worker]) {
                try await eventually("the task is registered") {
                    try await cluster.count("SELECT COUNT(*) FROM registered_tasks") == 1
                }
                var ids: [OperationID] = []
                for lane in [Lane.background, .background, .userWaiting] {
                    let request = OperationRequest(tasks: [BuiltInTask.noop.name], lane: lane)
                    ids.append(try await cluster.queue.enqueue(request).uuid)
                }
                ids.append(try await cluster.queue.enqueue(OperationRequest(tasks: [reboot.name])).uuid)
                #expect(try await cluster.queue.ends(of: ids, timeout: nil).inTime)
            }
            for label in ["clusterops_operation_wait", "clusterops_operation_run"] {
                let background = try recorded.expectTimer(label, [("task", "noop"), ("lane", "background")])
                #expect(background.values.count == 2 && background.values.allSatisfy { $0 >= 0 })
                let waiting = try recorded.expectTimer(label, [("task", "noop"), ("lane", "user_waiting")])
                #expect(waiting.values.count == 1)
            }
            let succeeded = try recorded.expectCounter(
                "clusterops_attempts",
                [("task", "noop"), ("outcome", "succeeded")]
            )
            #expect(succeeded.totalValue == 3)
            let failed = try recorded.expectCounter("clusterops_attempts", [("task", "reboot"), ("outcome", "failed")])
            #expect(failed.totalValue == 1)
            let complete = try recorded.expectCounter("clusterops_operations_ended", [("state", "complete")])
            let error = try recorded.expectCounter("clusterops_operations_ended", [("state", "error")])
            // Counted after the COMMIT that the waiters above were told of.
            try await eventually("the ends are counted") { complete.totalValue == 3 && error.totalValue == 1 }
            // Two timers for each of three pairs of task and lane, and four counters: nothing names an operation.
            #expect(recorded.timers.count == 6 && recorded.counters.count == 4)
        }
    }
}
