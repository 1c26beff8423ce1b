import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// What is the same content under one id, and which parameters are taken at all.
@Suite struct ContentTests {
    private let noop = BuiltInTask.noop.name

    @Test func `an id's content is compared as JSON, not as text`() async throws {
        try await withCluster { cluster in
            let id = OperationID.new()
            func send(_ parameters: String?) async throws -> OperationReceipt {
                try await cluster.queue.enqueue(OperationRequest(tasks: [noop], id: id, parameters: parameters))
            }
            let first = try await send(#"{"a":1,"b":[1.0,-0.0]}"#)
            #expect(try await send(#"{ "b" : [1.0, -0.0], "a": 1 }"#) == first)
            for other in [
                #"{"a":1.0,"b":[1.0,-0.0]}"#, #"{"a":1,"b":[1,-0.0]}"#, #"{"a":1,"b":[-0.0,1.0]}"#, #"{"a":1}"#, nil,
            ] {
                let error = await #expect(throws: ClusterOpsError.self) { try await send(other) }
                #expect(error?.code == .conflict, "\(other ?? "none")")
            }
            #expect(try await cluster.operation(id).parameters == #"{"a":1,"b":[1.0,-0.0]}"#, "kept to the letter")
        }
    }

    @Test func `parameters with a key twice are refused by name`() async throws {
        try await withCluster { cluster in
            let request = OperationRequest(tasks: [noop], parameters: #"{"a":1,"size":2,"size":3}"#)
            let error = await #expect(throws: ClusterOpsError.self) { try await cluster.queue.enqueue(request) }
            #expect(error?.code == .invalid && error?.message.contains("\"size\"") == true)
        }
    }

    /// 36 KB of them took 27 s to be refused.
    @Test func `deep parameters are refused before they cost anything`() async throws {
        try await withCluster { cluster in
            let one = String(repeating: "[", count: 300) + String(repeating: "]", count: 300)
            let deep = "[" + Array(repeating: one, count: 60).joined(separator: ",") + "]"
            let began = ContinuousClock.now
            let error = await #expect(throws: ClusterOpsError.self) {
                try await cluster.queue.enqueue(OperationRequest(tasks: [noop], parameters: deep))
            }
            #expect(error?.code == .invalid && error?.message.contains("31 levels") == true)
            #expect(ContinuousClock.now - began < .seconds(5))
        }
    }

    @Test func `a hostile row is not run without its parameters, and holds up nothing`() async throws {
        try await withCluster { cluster in
            let long = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], parameters: "1")).uuid
            let plain = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            try await cluster.execute(
                "UPDATE work_queue SET parameters = CONCAT('\"', REPEAT('x', 15000000), '\"') WHERE id = \(long)"
            )
            var worker = try cluster.worker()
            #expect(try await worker.drain().map(\.id) == [plain])
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE state = 'queued'") == 1)
        }
    }

    @Test func `what is too long to be read does not leave the server`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], parameters: "1")).uuid
            try await cluster.execute("UPDATE work_queue SET parameters = CONCAT('\"', REPEAT('x', 15000000), '\"')")
            let (shown, sent) = try await cluster.database.withSession { session in
                let before = try session.bytesSent()
                let shown = try OperationStatements.shown([id], on: session).operations
                return (shown, try session.bytesSent() - before)
            }
            #expect(shown.first?.omitted.count == 1)
            #expect((1..<100_000).contains(sent), "\(sent) bytes")
        }
    }

    @Test(arguments: [
        (String(repeating: "[", count: 40) + String(repeating: "]", count: 40), "levels"),
        ("\"" + String(repeating: "x", count: 70_000) + "\"", "bytes"), (#"{"a":1,"a":2}"#, "twice"), ("[1", "JSON"),
    ])
    func `a result of a handler that is beyond the limits is left out, and the work is done`(
        result: String,
        reason: String
    ) async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]))
            var worker = try cluster.worker()
            let claim = try #require(try await worker.claim().first)
            let run = OperationRun(
                claim: claim,
                handlers: [Printing(result: result)],
                node: worker.identity.node,
                interruption: Interruption()
            )
            guard case .succeeded(nil, let omitted?) = await run.run().report else {
                Issue.record("the result was kept, or the attempt has failed")
                return
            }
            #expect(omitted.contains(reason))
        }
    }

    @Test func `a failure is kept in bounds, whatever a handler throws`() throws {
        let failure = OperationFailure(
            code: String(repeating: "c", count: 1000),
            message: String(repeating: "m", count: 1 << 20),
            stderrTail: String(repeating: "a", count: 1 << 20) + "end"
        )
        #expect(failure.code.count == 64 && failure.message.utf8.count == 8192)
        #expect(failure.stderrTail?.utf8.count == 8192 && failure.stderrTail?.hasSuffix("aend") == true)
    }
}

/// Does nothing, and has a result all the same.
private struct Printing: TaskHandler {
    let definition = BuiltInTask.noop.definition
    let result: String

    func run(_ attempt: Attempt) async -> TaskOutcome { .done(result: result) }
}

extension Session {
    /// The bytes that the server has sent over this connection so far.
    fileprivate borrowing func bytesSent() throws -> Int {
        try Int(query("SHOW SESSION STATUS LIKE 'Bytes_sent'")[0].decode((String, String).self).1) ?? 0
    }
}
