import ClusterOpsTestKit
import ClusterReports
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// What a request may be attached to: only work that runs, and that can still succeed as often as its own task may try.
@Suite(.timeLimit(.minutes(15))) struct JoiningTests {
    private let task = BuiltInTask.networkApplyUpdateDNSMasq.name

    @Test func `a list is attempted no more often than the task with the fewest attempts`() async throws {
        try await withCluster { cluster in
            try await cluster.register("once", attempts: 1)
            try await cluster.register("often", attempts: 3)
            for tasks in [["once", "often"], ["often", "once"]] {
                let request = OperationRequest(tasks: try tasks.map { try TaskName($0) })
                let id = try await cluster.queue.enqueue(request).uuid
                #expect(try await cluster.operation(id).maximumAttempts == 1)
            }
        }
    }

    @Test func `a request is not adopted by what waits in a paused lane, and is folded when another lane starts`()
        async throws
    {
        try await withCluster { cluster in
            let waiting = try await cluster.enqueue(task, on: "blue", lanes: [.userFacing])[0]
            _ = try await cluster.connection.pause(try QueuePattern("networknode-user_facing"), reason: "test")
            let receipt = try await cluster.queue.enqueue(request(.background))
            #expect(!receipt.deduplicated && receipt.queueName.lane == .background)
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            #expect(claims.map(\.operation.id) == [receipt.uuid] && claims[0].folded.count == 1)
            #expect(try await cluster.operation(waiting).foldedInto == receipt.uuid)
            try await worker.settle(claims, .failed(.init(code: "broken", message: "once")))
            #expect(try await cluster.operation(receipt.uuid).queue.lane == .background, "it runs again there")
        }
    }

    @Test func `a request for a paused lane takes no waiting operation along`() async throws {
        try await withCluster { cluster in
            let waiting = try await cluster.enqueue(task, on: "blue", lanes: [.background])[0]
            _ = try await cluster.connection.pause(try QueuePattern("networknode-user_waiting"), reason: "test")
            let receipt = try await cluster.queue.enqueue(request(.userWaiting))
            #expect(!receipt.deduplicated)
            #expect(try await cluster.operation(waiting).queue.lane == .background)
            var worker = try cluster.worker()
            #expect(try await worker.claim().map(\.operation.id) == [waiting])
        }
    }

    @Test func `an operation that waits in an open lane is adopted, and moved into a better open one`() async throws {
        try await withCluster { cluster in
            let waiting = try await cluster.enqueue(task, on: "blue", lanes: [.background])[0]
            _ = try await cluster.connection.pause(try QueuePattern("networknode-background"), reason: "test")
            // The better of both lanes is open: there it runs.
            let receipt = try await cluster.queue.enqueue(request(.userFacing))
            #expect(receipt.deduplicated && receipt.uuid == waiting && receipt.queueName.lane == .userFacing)
            #expect(try await cluster.operation(waiting).queue.lane == .userFacing)
        }
    }

    /// States of a waiting operation in which it is no place for a new request.
    private static let unfit: [SQL] = [
        "UPDATE work_queue SET deliveries = 2, failures = 2",
        "UPDATE work_queue SET deliveries = 1, defer_count = 1",
        "UPDATE work_queue SET deliveries = 5",
        "UPDATE work_queue SET ready_at = NOW(6) + INTERVAL 1 HOUR",
        "UPDATE work_queue SET cancel_requested_at = NOW(6)",
        "UPDATE work_queue SET max_attempts = 1",
        "UPDATE work_queue SET tasks = 'no JSON'",
        "UPDATE work_queue SET node_name = 'NO NAME'",
    ]

    @Test(arguments: unfit)
    func `a request is not adopted by what has failed, has lost its worker, rests, ends or cannot run`(
        change: SQL
    )
        async throws
    {
        try await withCluster { cluster in
            let waiting = try await cluster.enqueue(task, on: "blue", lanes: [.userFacing])[0]
            try await cluster.execute(change)
            let receipt = try await cluster.queue.enqueue(request(.userFacing))
            #expect(!receipt.deduplicated && receipt.uuid != waiting)
            // The next one finds the new operation behind the unfit one.
            let next = try await cluster.queue.enqueue(request(.background))
            #expect(next.deduplicated && next.uuid == receipt.uuid)
        }
    }

    @Test func `what is handed back or reaped keeps its place in the queue, and its waits leave out its runs`()
        async throws
    {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 4)
            try await cluster.execute(
                "UPDATE work_queue SET ready_at = ready_at - INTERVAL 30 SECOND, ready_set_at = ready_at"
            )
            var worker = try cluster.worker()
            let claims = try await worker.claim(2)
            let before = claims.map(\.operation.readyAt)
            try await worker.settle([claims[0]], .handedBack)
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            #expect(try await reaper.pass() == 1)
            for (claim, readyAt) in zip(claims, before) {
                #expect(try await cluster.operation(claim.operation.id).readyAt == readyAt)
            }
            let again = try await worker.claim(2)
            #expect(again.map(\.operation.id) == claims.map(\.operation.id), "they are first again")
            for (claim, earlier) in zip(again, claims) {
                let (first, both) = (
                    try #require(earlier.operation.waitSeconds()), try #require(claim.operation.waitSeconds())
                )
                #expect(first >= 30 && both > first && both < first + 20, "\(first), \(both)")
            }
        }
    }

    private func request(_ lane: Lane) throws -> OperationRequest {
        OperationRequest(tasks: [task], target: .init(network: try NetworkName("blue")), lane: lane)
    }
}
