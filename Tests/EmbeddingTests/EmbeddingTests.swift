import ClusterOps
import ClusterOpsTestKit
import Foundation
import Logging
import MariaDB
import ServiceLifecycle
import Testing

/// What a program of another package can do with the library: this target has no access to what is `package`.
@Suite(.timeLimit(.minutes(15))) struct EmbeddingTests {
    @Test func `a program enqueues in its own transaction, runs a worker as a service, and awaits the outcome`()
        async throws
    {
        try await withVolumes { cluster, volumes in
            let outside = try await volumes.enqueue(Resize(volume: "scratch", gigabytes: 1))
            let inside = try await volumes.setSize(Resize(volume: "data", gigabytes: 20))
            try await withServices(volumes) {
                let outcomes = [
                    try await volumes.cluster.queue.outcome(of: outside),
                    try await volumes.cluster.queue.outcome(of: inside),
                ]
                #expect(outcomes.allSatisfy { $0?.state == .complete })
            }
            #expect(try await cluster.count("SELECT made FROM volumes WHERE name = 'data'") == 20)
        }
    }

    @Test func `a transaction that fails leaves neither the change nor the work`() async throws {
        try await withVolumes { cluster, volumes in
            let queue = volumes.cluster.queue
            let request = try volumes.resize.request(Resize(volume: "data", gigabytes: 20))
            struct Refused: Error {}
            await #expect(throws: Refused.self) {
                try await queue.withTransaction { transaction, work in
                    try transaction.execute("INSERT INTO volumes (name, gigabytes) VALUES ('data', 20)")
                    work += try queue.enqueue([request], in: transaction)
                    throw Refused()
                }
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM volumes") == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
        }
    }

    @Test func `what a handler throws, and parameters that it cannot read, are told in the outcome`() async throws {
        try await withVolumes { _, volumes in
            let bad = try await volumes.enqueue(Resize(volume: "data", gigabytes: 0))
            var strange = try volumes.resize.request(Resize(volume: "data", gigabytes: 1))
            strange.parameters = "{\"volume\": \"secret\"}"
            let unreadable = try await volumes.cluster.queue.enqueue(strange).uuid
            try await withServices(volumes) {
                let refused = try await volumes.cluster.queue.outcome(of: bad)
                #expect(refused?.state == .error && refused?.failure?.code == "no_size")
                let failure = try await volumes.cluster.queue.outcome(of: unreadable)?.failure
                #expect(failure?.code == "unreadable_parameters")
                #expect(
                    failure?.message.contains("'gigabytes'") == true && failure?.message.contains("secret") == false
                )
            }
        }
    }

    @Test func `many dashboards at once see the cluster, each as it is after its question`() async throws {
        try await withVolumes { cluster, volumes in
            let embedded = volumes.cluster
            #expect(try await embedded.services().items.isEmpty)
            for expected in 2...4 {
                try await cluster.addNode("h\(expected)")
                let totals = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<100 { group.addTask { try await embedded.status().nodes.total } }
                    return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
                }
                #expect(totals == [expected])
            }
        }
    }

    @Test func `the example of the documentation is the one that is tested`() throws {
        let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let source = try String(contentsOf: here.appending(path: "Volumes.swift"), encoding: .utf8)
        let document = here.deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/embedding.md")
        let blocks = try String(contentsOf: document, encoding: .utf8).components(separatedBy: "```swift\n").dropFirst()
        let code = blocks.compactMap { $0.components(separatedBy: "```").first }
        #expect(code.first == source, "docs/embedding.md shows Tests/EmbeddingTests/Volumes.swift, to the letter")
    }

    // MARK: The world

    /// A node, the program's own table, and the program; the task is registered, as a worker that has run once leaves
    /// it.
    private func withVolumes(_ body: @Sendable (TestCluster, Volumes) async throws -> Void) async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.execute(
                """
                CREATE TABLE volumes (name VARCHAR(64) PRIMARY KEY, gigabytes INT NOT NULL, made INT NULL)
                """
            )
            let volumes = try Volumes(database: cluster.database, logger: .silent)
            try await withServices(volumes) {
                try await eventually("the worker has registered its task") {
                    try await cluster.count("SELECT COUNT(*) FROM registered_tasks") == 1
                }
            }
            try await body(cluster, volumes)
        }
    }

    /// Runs the program's services around a body, and ends them as a signal would.
    private func withServices(_ volumes: Volumes, _ body: @Sendable () async throws -> Void) async throws {
        var settings = EmbeddedWorker.Settings(node: try NodeName("h1"))
        settings.doorbell.listen = try HostPort("127.0.0.1:0")
        let (cluster, worker) = (volumes.cluster, volumes.worker(settings))
        let group = ServiceGroup(services: [cluster, worker], logger: .silent)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await body()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }
}
