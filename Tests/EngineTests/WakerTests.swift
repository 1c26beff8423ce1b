import ClusterOpsTestKit
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// The number of processes that are rung for work.
@Suite(.timeLimit(.minutes(15))) struct WakerTests {
    /// Keeps for how many operations it was called.
    private struct CountingWaker: Waker {
        let counts = Locked<[Int]>([])

        func wake(_ queues: Set<QueueName>, operations: Int) async { counts.update { $0.append(operations) } }
        func wake(_ session: SessionID) async {}
        func wakeWaiters(of ended: Set<OperationID>, besides rung: Set<WaiterStatements.Waiter>) async {}
        func wake(_ waiters: [WaiterStatements.Waiter]) {}
    }

    @Test func `as many processes are rung as there are operations, and one more in case that one is busy`() {
        #expect([1, 2, 10, 31, 5000].map(DoorbellWaker.woken(for:)) == [2, 3, 11, 32, 32])
    }

    @Test func `an enqueue rings for what is ready of it`() async throws {
        try await withCluster { cluster in
            let waker = CountingWaker()
            let queue = OperationQueue(
                database: cluster.database,
                requester: "test",
                counters: cluster.counters,
                waker: waker
            )
            let noop = OperationRequest(tasks: [BuiltInTask.noop.name])
            let first = try await queue.enqueue(noop).uuid
            _ = try await queue.enqueue(noop, count: 7)
            let behind = OperationRequest(tasks: [BuiltInTask.noop.name], dependsOn: [first])
            _ = try await queue.submit([noop, behind, noop])
            #expect(waker.counts.value == [1, 7, 2])
        }
    }
}
