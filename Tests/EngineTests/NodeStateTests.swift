import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// What a worker does as its node is drained, removed, or replaced by another of its name.
@Suite(.timeLimit(.minutes(15))) struct NodeStateTests {
    private let noop = BuiltInTask.noop.name

    @Test func `a worker that opens its session on a drained node takes nothing until the node is undrained`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.execute("UPDATE nodes SET state = 'draining'")
            let own = OperationRequest.Target(node: try NodeName("h1"))
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], target: own), count: 500)
            let log = EffectLog()
            let worker = try cluster.liveWorker(
                "h1",
                handlers: [RecordingHandler(BuiltInTask.noop.definition, log: log)],
                lease: .seconds(5)
            )
            try await cluster.withWorkers([worker]) {
                for sessions in 1...3 {
                    try await eventually("it has renewed its session") {
                        try await cluster.count("SELECT COUNT(*) FROM sessions WHERE renewals >= 1") == sessions
                    }
                    #expect(log.effects.isEmpty)
                    // As after an outage: the session is lost, and another one is opened.
                    try await cluster.execute("UPDATE sessions SET dead = TRUE")
                }
                try await cluster.execute("UPDATE nodes SET state = 'active'")
                try await eventually("all have run", within: .seconds(120)) { log.effects.count == 500 }
            }
        }
    }

    @Test func `a claim asks for the node's state itself`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: 3)
            var worker = try cluster.worker("h1")
            #expect(try await worker.claim(1).count == 1)
            try await cluster.execute("UPDATE nodes SET state = 'draining'")
            #expect(try await worker.claim(1).isEmpty)
            try await cluster.execute("UPDATE nodes SET state = 'active'")
            #expect(try await worker.claim(1).count == 1)
            try await cluster.execute("DELETE FROM nodes")
            #expect(try await worker.claim(1).isEmpty)
        }
    }

    @Test func `what was meant for a machine that is gone is not run by another of its name, and hides nothing`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.addNetwork("blue")
            let (h1, blue) = (try NodeName("h1"), try NetworkName("blue"))
            let meant = OperationRequest(tasks: [noop], target: .init(node: h1))
            let mesh = OperationRequest(
                tasks: [BuiltInTask.networkEnsureMesh.name],
                target: .init(network: blue, node: h1)
            )
            _ = try await cluster.queue.enqueue(meant, count: 100)
            _ = try await cluster.queue.enqueue(mesh)
            try await cluster.execute("DELETE FROM nodes")
            try await cluster.addNode("h1")
            var worker = try cluster.worker("h1")
            #expect(try await worker.claim().isEmpty)
            let own = try await cluster.queue.enqueue(meant).uuid
            #expect(try await worker.claim().map(\.operation.id) == [own])
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE deliveries > 0") == 1)
        }
    }

    @Test func `a worker whose node is removed and added again works as the new one`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let log = EffectLog()
            let worker = try cluster.liveWorker(
                "h1",
                handlers: [RecordingHandler(BuiltInTask.noop.definition, log: log)],
                lease: .seconds(5)
            )
            try await cluster.withWorkers([worker]) {
                try await eventually("it has a session") {
                    try await cluster.count("SELECT COUNT(*) FROM sessions") == 1
                }
                try await cluster.execute("DELETE FROM nodes")
                let new = try await cluster.addNode("h1")
                let own = OperationRequest.Target(node: try NodeName("h1"))
                let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], target: own)).uuid
                try await eventually("it has run") { !log.effects(of: id).isEmpty }
                let session = log.effects(of: id).first?.session
                #expect(
                    try await cluster.count("SELECT COUNT(*) FROM sessions WHERE id = \(session) AND node = \(new)")
                        == 1
                )
            }
        }
    }
}
