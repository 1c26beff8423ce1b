import ClusterOpsTestKit
import MariaDB
import MetricsTestKit
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// The wait of an operation: the time for which it could have run and did not.
///
/// Time passes in hours, by which the times in all rows are moved back; what the test itself takes is less than one.
@Suite(.timeLimit(.minutes(15))) struct WaitTests {
    private let noop = [BuiltInTask.noop.name]
    private let hour = 3600.0

    /// Returns how many whole hours an operation has waited.
    private func hours(_ operation: Operation) -> Int? { operation.waitSeconds().map { Int($0 / hour) } }

    private func hours(_ id: OperationID, _ cluster: TestCluster) async throws -> Int? {
        hours(try await cluster.operation(id))
    }

    @Test func `a delay is no wait, and what comes after it is`() async throws {
        try await withCluster { cluster in
            let request = OperationRequest(tasks: noop, delay: .seconds(20 * 3600))
            let id = try await cluster.queue.enqueue(request).uuid
            var worker = try cluster.worker()
            try await cluster.pass(hours: 19)
            #expect(try await worker.claim().isEmpty)
            try await cluster.pass(hours: 3)
            #expect(try await hours(id, cluster) == nil, "it has not started")
            let claims = try await worker.claim()
            #expect(claims.map { hours($0.operation) } == [2], "what the handler sees")
            #expect(try await hours(id, cluster) == 2, "what was written")
            try await worker.settle(claims, .succeeded(result: nil))
            #expect(try await hours(id, cluster) == 2, "what history has")
        }
    }

    @Test func `dependencies are no wait, and a pause of the queue is one`() async throws {
        try await withCluster { cluster in
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: noop)).uuid
            let next = try await cluster.queue.enqueue(OperationRequest(tasks: noop, dependsOn: [first])).uuid
            var worker = try cluster.worker()
            try await cluster.pass(hours: 5)
            let claims = try await worker.claim()
            try await cluster.pass(hours: 7)
            try await worker.settle(claims, .succeeded(result: nil))
            try await cluster.execute("INSERT INTO queue_pauses VALUES ('*', 'why', 'test', NOW(6))")
            try await cluster.pass(hours: 3)
            #expect(try await worker.claim().isEmpty)
            try await cluster.execute("DELETE FROM queue_pauses")
            #expect(try await worker.claim().map { hours($0.operation) } == [3])
            #expect(try await [hours(first, cluster), hours(next, cluster)] == [5, 3])
        }
    }

    @Test(arguments: [
        AttemptReport.failed(OperationFailure(code: "boom", message: "no")), .deferred, .handedBack, .reaped,
        .takenOver,
    ])
    func `neither a run nor a back-off is a wait, and every wait is added`(report: AttemptReport) async throws {
        try await withCluster { cluster in
            let recorded = TestMetrics()
            let metrics = WorkMetrics(factory: recorded)
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: noop)).uuid
            try await cluster.execute("UPDATE work_queue SET max_attempts = 9")
            var worker = try cluster.worker()
            for wait in [1, 2, 4] {
                // A back-off of seconds ends in the first of the hours.
                try await cluster.pass(hours: wait)
                let claims = try await worker.claim()
                for claim in claims { metrics.started(claim.operation) }
                try await cluster.pass(hours: 30)
                try await worker.settle(claims, report)
            }
            let operation = try await cluster.operation(id)
            let backOff = Backoff.retry.pause(after: 1, random: 1) + Backoff.retry.pause(after: 2, random: 1)
            let slack = (backOff / .seconds(1)) + 600
            let waited = try #require(operation.waitSeconds())
            #expect(abs(waited - 7 * hour) < slack, "\(waited)")
            // Prometheus has one observation a start, and their sum.
            let timer = try recorded.expectTimer(
                "clusterops_operation_wait",
                [("task", "noop"), ("lane", "user_facing")]
            )
            #expect(timer.values.count == 3)
            let sum = Double(timer.values.reduce(0, +)) / 1e9
            #expect(abs(sum - waited) < 0.001, "\(sum), \(waited)")
            let records = operation.attemptHistory.reduce(0) { $0 + $1.waitSeconds }
            #expect(abs(records - waited) < 0.001, "\(records), \(waited)")
        }
    }

    @Test func `queue waits and the status sum up what op show tells`() async throws {
        try await withCluster { cluster in
            let request = OperationRequest(tasks: noop, delay: .seconds(20 * 3600))
            let id = try await cluster.queue.enqueue(request).uuid
            // It ends without a start, and so without a wait.
            let other = try await cluster.queue.enqueue(OperationRequest(tasks: noop)).uuid
            _ = try await cluster.queue.cancel(other)
            var worker = try cluster.worker()
            try await cluster.pass(hours: 23)
            try await worker.settle(try await worker.claim(), .deferred)
            try await cluster.pass(hours: 2)
            try await worker.settle(try await worker.claim(), .succeeded(result: nil))
            let waited = try #require(try await cluster.operation(id).waitSeconds())
            #expect(Int(waited / hour) == 4, "3 h, and 2 h without the back-off")
            let (waits, status) = try await cluster.database.withSession { session in
                (
                    WaitsView(try WaitStatements.classes(since: nil, on: session), sampleLimit: 10),
                    try StatusView(StatusStatements.rows(on: session))
                )
            }
            let lane = try #require(status.lanes.first { $0.lane == .userFacing })
            #expect(waits.lanes.map(\.all.n) == [1] && lane.waits.n == 1 && waits.sampled == 2)
            for longest in [waits.lanes.first?.all.max, waits.tasks.first?.all.max, lane.waits.max] {
                #expect(longest.map { abs($0 - waited) < 0.001 } == true, "\(longest ?? -1), \(waited)")
            }
        }
    }

    @Test func `a follower waits until its primary starts, and again from when it is given back`() async throws {
        try await withCluster { cluster in
            let task = BuiltInTask.networkApplyUpdateDNSMasq.name
            let ids = try await cluster.enqueue(task, on: "blue", lanes: [.userFacing, .background])
            var worker = try cluster.worker()
            try await cluster.pass(hours: 2)
            let claims = try await worker.claim()
            #expect(claims.map(\.operation.id) == [ids[0]] && claims.map(\.folded.count) == [1])
            try await cluster.pass(hours: 30)
            #expect(try await cluster.queue.cancel(ids[0]).state == .executing)
            try await worker.settle(claims, .handedBack)
            #expect(try await cluster.operation(ids[1]).state == .queued, "its primary was cancelled")
            try await cluster.pass(hours: 4)
            let again = try await worker.claim()
            #expect(again.map { hours($0.operation) } == [6])
            try await worker.settle(again, .succeeded(result: nil))
            #expect(try await [hours(ids[0], cluster), hours(ids[1], cluster)] == [2, 6])
        }
    }

    @Test func `a follower that ends with its primary has waited until the primary's start`() async throws {
        try await withCluster { cluster in
            let task = BuiltInTask.networkApplyUpdateDNSMasq.name
            let ids = try await cluster.enqueue(task, on: "blue", lanes: [.userFacing, .background])
            var worker = try cluster.worker()
            try await cluster.pass(hours: 2)
            try await worker.settle(try await worker.claim(), .deferred)
            try await cluster.pass(hours: 4)
            let claims = try await worker.claim()
            #expect(claims.map(\.operation.id) == [ids[0]])
            try await worker.settle(claims, .succeeded(result: nil))
            // What a primary waits after the fold is its own.
            #expect(try await hours(ids[1], cluster) == 2)
            #expect(try await cluster.operation(ids[1]).startedAt == cluster.operation(ids[0]).startedAt)
        }
    }

    @Test func `what never starts has no wait, and a clock that was set back makes none negative`() async throws {
        try await withCluster { cluster in
            let cancelled = try await cluster.queue.enqueue(OperationRequest(tasks: noop)).uuid
            let started = try await cluster.queue.enqueue(OperationRequest(tasks: noop)).uuid
            try await cluster.pass(hours: 2)
            _ = try await cluster.queue.cancel(cancelled)
            #expect(try await cluster.operation(cancelled).waitSeconds() == nil)
            try await cluster.execute("UPDATE work_queue SET ready_set_at = NOW(6) + INTERVAL 1 HOUR")
            var worker = try cluster.worker()
            #expect(try await worker.claim().map(\.operation.waited) == [.zero])
            #expect(try await cluster.operation(started).waited == .zero)
        }
    }
}

extension TestCluster {
    /// Lets time pass: moves the times of all live operations back.
    fileprivate func pass(hours: Int) async throws {
        let times: [SQL] = [
            "enqueued_at", "ready_at", "ready_set_at", "claimed_at", "started_at", "folded_at", "unfolded_at",
        ]
        let changes = times.map { "\(sql: $0) = \(sql: $0) - INTERVAL \(hours) HOUR" as SQL }
        try await execute("UPDATE work_queue SET \(sql: .joined(changes, separator: ", "))")
    }
}
