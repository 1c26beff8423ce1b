import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// Ways to break the engine that a review has found, each kept as a test.
@Suite(.timeLimit(.minutes(15))) struct ReviewTests {
    private let noop = BuiltInTask.noop.name

    @Test func `a graph that is sent again with more in it waits for nothing that has ended`() async throws {
        try await withCluster { cluster in
            try await cluster.register("reboot", attempts: 1)
            let (done, failed) = (OperationID.new(), OperationID.new())
            let first = [
                OperationRequest(tasks: [noop], id: done),
                OperationRequest(tasks: [try TaskName("reboot")], id: failed),
            ]
            _ = try await cluster.queue.submit(first)
            var worker = try cluster.worker(commands: ["reboot"])
            for claim in try await worker.claim() {
                let succeeds = claim.operation.id == done
                try await worker.settle(
                    [claim],
                    succeeds ? .succeeded(result: nil) : .failed(.init(code: "exit_1", message: "no"))
                )
            }
            let after = OperationRequest(tasks: [noop], id: .new(), dependsOn: [done])
            let doomed = OperationRequest(tasks: [noop], id: .new(), dependsOn: [failed])
            let below = OperationRequest(tasks: [noop], id: .new(), dependsOn: [try #require(doomed.id)])
            let receipts = try await cluster.queue.submit(first + [after, doomed, below])
            #expect(receipts.map(\.state) == [.complete, .error, .queued, .aborted, .aborted])
            #expect(try await worker.drain().map(\.id) == [after.id])
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
        }
    }

    @Test func `a deadline of one requester ends nobody else's operation`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            let task = BuiltInTask.networkApplyUpdateDNSMasq.name
            let target = OperationRequest.Target(network: try NetworkName("blue"))
            let hasty = try await cluster.queue.enqueue(
                OperationRequest(tasks: [task], target: target, deadline: .milliseconds(1))
            )
            let other = try await cluster.queue.enqueue(OperationRequest(tasks: [task], target: target))
            #expect(!other.deduplicated && other.uuid != hasty.uuid)
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            #expect(claims.map(\.operation.id) == [hasty.uuid] && claims[0].folded.isEmpty)
            try await worker.settle(claims, .expired)
            #expect(try await cluster.operation(hasty.uuid).error?.code == "deadline_passed")
            #expect(try await worker.drain().map(\.id) == [other.uuid])
        }
    }

    @Test func `an operation with more dependents than a statement takes values ends`() async throws {
        try await withCluster { cluster in
            let parent = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [parent]), count: 33_000)
            var worker = try cluster.worker()
            let result = try await worker.settle(try await worker.claim(), .succeeded(result: nil))
            #expect(result.settled == [parent] && result.refused.isEmpty)
            try await cluster.locksOfBatches()
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE state = 'queued'") == 33_000)
        }
    }

    @Test func `a chain of three thousand is aborted from its head`() async throws {
        try await withCluster { cluster in
            try await cluster.register("reboot", attempts: 1)
            let head = OperationID.new()
            var requests = [OperationRequest(tasks: [try TaskName("reboot")], id: head)]
            for _ in 1..<3000 {
                requests.append(
                    OperationRequest(tasks: [noop], id: .new(), dependsOn: [try #require(requests.last?.id)])
                )
            }
            _ = try await cluster.queue.submit(requests)
            var worker = try cluster.worker(commands: ["reboot"])
            let result = try await worker.settle(
                try await worker.claim(),
                .failed(.init(code: "exit_1", message: "no"))
            )
            #expect(result.ended.count < 3000 && result.ended.contains(head))
            let batches = try await cluster.locksOfBatches().count
            #expect(batches > 5 && batches < 3000, "a chain is walked through by some levels at a time")
            #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 3000)
            let late = OperationRequest(tasks: [noop], id: .new(), dependsOn: [head])
            #expect(try await cluster.queue.enqueue(late).state == .aborted, "also with an id of the caller's")
        }
    }

    @Test func `what passes is no entry's fault, and its batch is kept`() {
        for code in [DatabaseError.Code.readOnly, .lockWaitTimeout, .deadlock, .statementTimeout, .queryInterrupted] {
            #expect(!DatabaseError(code: code, phase: .execute, message: "").isFaultOfTheValues)
        }
        for code in [DatabaseError.Code.duplicateEntry, .checkViolated, .dataTooLong, .unexpectedValue] {
            #expect(DatabaseError(code: code, phase: .execute, message: "").isFaultOfTheValues)
        }
    }

    @Test func `parameters are as deep as the database reads them, and no deeper`() async throws {
        try await withCluster { cluster in
            func nested(_ depth: Int) -> String {
                String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            }
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], parameters: nested(31)))
            let error = await #expect(throws: ClusterOpsError.self) {
                try await cluster.queue.enqueue(OperationRequest(tasks: [noop], parameters: nested(32)))
            }
            #expect(error?.code == .invalid)
        }
    }

    @Test func `a megabyte of parameters many times over fits through the wire`() async throws {
        try await withCluster { cluster in
            let parameters = "\"" + String(repeating: "x", count: 65_000) + "\""
            let requests = (0..<400).map { _ in OperationRequest(tasks: [noop], parameters: parameters) }
            let receipts = try await cluster.queue.submit(requests)
            #expect(receipts.count == 400)
        }
    }

    @Test func `a row that a newer program wrote is reaped like any other`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: 3)
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            try await cluster.execute(
                """
                UPDATE work_queue
                SET attempt_history = '[{"delivery":1,"outcome":"teleported","node":null,"session":null,"started_at":null,
                    "ended_at":"2026-01-01T00:00:00.000000Z","error":null}]'
                WHERE id = \(claims[1].operation.id)
                """
            )
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            #expect(try await reaper.pass() == 3)
            #expect(try await worker.claim().count == 3)
        }
    }
}
