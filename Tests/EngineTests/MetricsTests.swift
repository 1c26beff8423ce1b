import ClusterOpsTestKit
import MariaDB
import MetricsTestKit
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

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

    @Test func `the database server of the session is told, and none before it`() throws {
        let recorded = TestMetrics()
        let metrics = WorkMetrics(factory: recorded)
        for server in ["db1", "db1", "db2"] { metrics.renewed(on: server) }
        let values = try ["db1", "db2"].map { server in
            try recorded.expectGauge("clusterops_database_server", [("server", server)]).lastValue
        }
        #expect(values == [0, 1])
    }

    @Test func `tasks that this node cannot start are counted while it cannot`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let (recorded, obstacle) = (TestMetrics(), Locked<String?>("no such program"))
            let handlers: [any TaskHandler] = [NoopHandler(), ObstructedHandler(obstacleNow: obstacle)]
            let worker = try cluster.liveWorker("h1", handlers: handlers, metrics: WorkMetrics(factory: recorded))
            try await cluster.withWorkers([worker]) {
                for expected in [1.0, 0] {
                    try await eventually("\(expected) are counted") {
                        (try? recorded.expectGauge("clusterops_tasks_unstartable"))?.lastValue == expected
                    }
                    obstacle.update { $0 = nil }
                }
            }
        }
    }

    @Test func `what a reaper or a cancel ends is counted by who ended it`() async throws {
        try await withCluster { cluster in
            let (reaped, cancelled) = (TestMetrics(), TestMetrics())
            let noop = [BuiltInTask.noop.name]
            // Cancelled while its worker dies; past its deadline; waiting, with one that depends on it.
            let running = try await cluster.queue.enqueue(OperationRequest(tasks: noop)).uuid
            var worker = try cluster.worker()
            #expect(try await worker.claim().map(\.operation.id) == [running])
            #expect(try await cluster.queue.cancel(running).state == .executing)
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: noop, deadline: .seconds(60)))
            try await cluster.execute("UPDATE work_queue SET deadline = NOW(6) WHERE deadline IS NOT NULL")
            let waiting = try await cluster.queue.enqueue(OperationRequest(tasks: noop)).uuid
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: noop, dependsOn: [waiting]))

            let reaper = Reaper(
                database: cluster.database,
                waker: NoWaker(),
                metrics: WorkMetrics(factory: reaped),
                logger: .silent
            )
            try await cluster.execute("DELETE FROM sessions")
            #expect(try await reaper.pass() == 1)
            for state in ["cancelled", "error"] {
                let ends = try reaped.expectCounter("clusterops_operations_ended", [("state", state)])
                #expect(ends.totalValue == 1, "\(state)")
            }

            let queue = OperationQueue(
                database: cluster.database,
                requester: "test",
                counters: cluster.counters,
                waker: NoWaker(),
                metrics: WorkMetrics(factory: cancelled)
            )
            _ = try await queue.cancel(waiting)
            for state in ["cancelled", "aborted"] {
                let ends = try cancelled.expectCounter("clusterops_operations_ended", [("state", state)])
                #expect(ends.totalValue == 1, "\(state)")
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 4)
        }
    }
}

/// A task that its node cannot start while there is an obstacle.
private struct ObstructedHandler: TaskHandler {
    let definition = BuiltInTask.networkApplyUpdateDNSMasq.definition
    let obstacleNow: Locked<String?>

    var obstacle: String? { get async { obstacleNow.value } }

    func run(_ attempt: Attempt) async -> TaskOutcome { .done(result: nil) }
}
