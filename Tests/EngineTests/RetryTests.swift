import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct RetryTests {
    private let noop = BuiltInTask.noop.name

    @Test func `a retry is a new operation of the same content that names the old one`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.addNetwork("blue")
            let target = OperationRequest.Target(network: try NetworkName("blue"), node: try NodeName("h1"))
            let request = OperationRequest(
                tasks: [noop, noop],
                target: target,
                lane: .backgroundHighIO,
                parameters: "{\"a\":  1}",
                deadline: .seconds(600)
            )
            let old = try await cluster.queue.enqueue(request).uuid
            _ = try await cluster.queue.cancel(old)
            let receipt = try await cluster.queue.retry(old)
            let (was, new) = (try await cluster.operation(old), try await cluster.operation(receipt.uuid))
            #expect(new.id != old && new.retryOf == old && new.state == .queued && was.state == .cancelled)
            #expect(new.tasks == was.tasks && new.target == was.target && new.parameters == was.parameters)
            #expect(new.queue == was.queue && new.failures == 0 && new.attemptHistory.isEmpty)
            #expect(new.deadline?.seconds(since: new.enqueuedAt) == 600)
            var worker = try cluster.worker()
            #expect(try await worker.drain().map(\.id) == [new.id])
            #expect(try await cluster.operation(new.id).retryOf == old, "in history as well")
        }
    }

    @Test func `only what ended without completing is retried`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            func refusal(_ id: OperationID) async -> ClusterOpsError? {
                await #expect(throws: ClusterOpsError.self) { try await cluster.queue.retry(id) }
            }
            #expect(await refusal(id)?.code == .conflict)
            var worker = try cluster.worker()
            _ = try await worker.drain()
            let complete = await refusal(id)
            #expect(complete?.code == .conflict && complete?.message.contains("has completed") == true)
            #expect(await refusal(.new())?.code == .notFound)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
        }
    }

    @Test func `what history forgets while its retry is planned is not retried`() async throws {
        try await withCluster { cluster in
            let request = OperationRequest(tasks: [noop])
            let id = try await cluster.queue.enqueue(request).uuid
            _ = try await cluster.queue.cancel(id)
            let planned = try await cluster.database.withSession { session in
                OperationPlan(retrying: id, as: try Admission.plans(for: [request], on: session)[0])
            }
            try await cluster.database.withTransaction { try HistoryStatements.delete([id], in: $0) }
            let gone = await #expect(throws: ClusterOpsError.self) { try await cluster.queue.insert([planned]) }
            #expect(gone?.code == .notFound && gone?.message.contains("\(id)") == true)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM retries") == 0)
        }
    }

    @Test func `a target that is gone, or another of its name, is an error that names it`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            let task = BuiltInTask.networkApplyUpdateDNSMasq.name
            let id = try await cluster.enqueue(task, on: "blue", lanes: [.background])[0]
            _ = try await cluster.queue.cancel(id)
            try await cluster.execute("DELETE FROM networks")
            let gone = await #expect(throws: ClusterOpsError.self) { try await cluster.queue.retry(id) }
            #expect(gone?.code == .notFound && gone?.message.contains("'blue'") == true)
            try await cluster.addNetwork("blue")
            let other = await #expect(throws: ClusterOpsError.self) { try await cluster.queue.retry(id) }
            #expect(other?.code == .notFound && other?.message.contains("another has its name") == true)
        }
    }

    @Test func `a retry waits for nothing that failed, and says so, unless it is told not to wait`() async throws {
        try await withCluster { cluster in
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let child = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [first])).uuid
            _ = try await cluster.queue.cancel(first)
            #expect(try await cluster.operation(child).state == .aborted)
            let refusal = await #expect(throws: ClusterOpsError.self) { try await cluster.queue.retry(child) }
            #expect(refusal?.code == .conflict && refusal?.message.contains("\(first)") == true)
            let free = try await cluster.queue.retry(child, ignoringDependencies: true)
            #expect(free.state == .queued)
            #expect(try await cluster.operation(free.uuid).dependsOn.isEmpty)
        }
    }

    @Test func `what failed in its own right keeps its dependencies`() async throws {
        try await withCluster { cluster in
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let child = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [first])).uuid
            var worker = try cluster.worker()
            try await worker.settle(try await worker.claim(), .succeeded(result: nil))
            _ = try await cluster.queue.cancel(child)
            let again = try await cluster.queue.retry(child)
            #expect(again.state == .queued)
            #expect(try await cluster.operation(again.uuid).dependsOn == [first])
        }
    }
}
