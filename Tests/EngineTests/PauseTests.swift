import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct PauseTests {
    private let noop = BuiltInTask.noop.name

    @Test func `a paused queue is left out at the next claim, what runs goes on, and the others are drained`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            let h1 = OperationRequest.Target(node: try NodeName("h1"))
            let lanes: [Lane] = [.userFacing, .background]
            for lane in lanes { _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], lane: lane)) }
            let running = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], target: h1)).uuid
            var worker = try cluster.worker()
            let first = try await worker.claim(1)
            #expect(first.map(\.operation.id) == [running])
            let pause = try await cluster.connection.pause(try QueuePattern("any-*"), reason: "switch")
            #expect(pause.pattern == "any-*" && pause.reason == "switch" && pause.requester == "operator")
            let own = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], target: h1)).uuid
            #expect(try await worker.claim().map(\.operation.id) == [own])
            #expect(try await worker.settle(first, .succeeded(result: nil)).settled == [running])
            #expect(try await worker.claim().isEmpty)

            #expect(try await cluster.connection.resume(try QueuePattern("any-*")).removed == [pause])
            #expect(try await worker.claim().count == 2)
        }
    }

    @Test func `queues of networks are paused like any other, also while their work folds`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.addNetwork("blue")
            let target = OperationRequest.Target(network: try NetworkName("blue"), node: try NodeName("h1"))
            let request = OperationRequest(tasks: [BuiltInTask.networkEnsureMesh.name], target: target)
            _ = try await cluster.queue.enqueue(request)
            var worker = try cluster.worker("h1")
            for pattern in ["h1-network-*", "h1-*", "*-user_facing", "*"] {
                _ = try await cluster.connection.pause(try QueuePattern(pattern), reason: "r")
                #expect(try await worker.claim().isEmpty, "\(pattern)")
                #expect(try await cluster.connection.resume(try QueuePattern("*")).removed.map(\.pattern) == [pattern])
            }
            #expect(try await worker.claim().count == 1)
        }
    }

    @Test func `to pause again gives another reason, to resume again changes nothing, and wider rules stay`()
        async throws
    {
        try await withCluster { cluster in
            let (all, any) = (try QueuePattern("*"), try QueuePattern("any-background"))
            let first = try await cluster.connection.pause(any, reason: "one")
            let second = try await cluster.connection.pause(any, reason: "two")
            #expect(second.reason == "two" && second.pausedAt == first.pausedAt)
            let wide = try await cluster.connection.pause(all, reason: "everything")
            let resumed = try await cluster.connection.resume(any)
            #expect(resumed.removed == [second] && resumed.stillPausedBy == [wide])
            let again = try await cluster.connection.resume(any)
            #expect(again.removed.isEmpty && again.stillPausedBy == [wide])
            #expect(try await cluster.connection.resume(all).removed == [wide])
            #expect(try await cluster.count("SELECT COUNT(*) FROM queue_pauses") == 0)
        }
    }

    @Test func `the database and queue list read a pattern alike`() async throws {
        let patterns = [
            "*", "any-*", "*-background", "h1-*", "h*-*ground", "any-background", "*_*", "*user_facing", "h_-*",
            "*-*-*",
            "h1-network-background", "a**d",
        ]
        let queues = [
            "any-background", "any-background_high_io", "h1-background", "h11-background", "h1-network-background",
            "h1-user_facing", "networknode-user_waiting",
        ]
        try await withCluster { cluster in
            var matches = 0
            for pattern in patterns {
                try await cluster.execute("INSERT INTO queue_pauses VALUES (\(pattern), 'r', 'test', NOW(6))")
                for queue in queues {
                    let condition = QueueStatements.isPaused("\(try QueueName(queue))")
                    let paused = try await cluster.count("SELECT \(sql: condition)") == 1
                    #expect(paused == Glob(pattern).matches(queue), "\(pattern) and \(queue)")
                    matches += paused ? 1 : 0
                }
                try await cluster.execute("DELETE FROM queue_pauses")
            }
            #expect((1..<patterns.count * queues.count).contains(matches))
        }
    }

    @Test(arguments: ["", "any", "any-backgruond", "Any-*", "any-%", "any background*", "any|*"])
    func `a pattern that no queue can match is refused`(_ text: String) {
        #expect(throws: ValueError.self) { try QueuePattern(text) }
    }
}

extension TestCluster {
    /// The cluster as a command of the requester `operator` sees it.
    var connection: ClusterConnection {
        ClusterConnection(database: database, requester: "operator", waker: NoWaker(), logger: .silent)
    }
}
