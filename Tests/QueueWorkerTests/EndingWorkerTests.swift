import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import MariaDB
import Testing

/// How the end of what a real worker runs reaches the database, and whoever waits for it.
@Suite(.timeLimit(.minutes(15))) struct EndingWorkerTests {
    /// Runs until the test says so.
    private static let held = "echo run >> \"$0\"; until [ -e \"$0.go\" ]; do sleep 0.02; done"

    @Test func `a worker writes an end whose row enqueuers hold one after the other, and runs nothing twice`()
        async throws
    {
        try await withWorkers(tasks: ["held": Self.held], connections: 24) { cluster, workers in
            let worker = try await workers.start("h1")
            let id = try await cluster.enqueueEventually("held")
            try await eventually("it runs") { workers.scratch == "run\n" }
            let (holding, isOver) = (Locked(0), Locked(false))
            try await withThrowingDiscardingTaskGroup { group in
                // So many, and so long, that the row is free at no time.
                for _ in 0..<20 {
                    group.addTask {
                        while !isOver.value, !Task.isCancelled {
                            try await cluster.database.withTransaction { transaction in
                                _ = try transaction.query(
                                    "SELECT id FROM work_queue WHERE id = \(id) LOCK IN SHARE MODE"
                                )
                                holding.update { $0 += 1 }
                                _ = try transaction.query("SELECT SLEEP(0.1)")
                            }
                        }
                    }
                }
                try await eventually("they hold it") { holding.value > 20 }
                #expect(FileManager.default.createFile(atPath: "\(workers.scratchPath).go", contents: nil))
                let ended = try await cluster.end(of: id)
                isOver.update { $0 = true }
                #expect(ended.state == .complete && ended.deliveries == 1)
            }
            #expect(workers.scratch == "run\n" && worker.isRunning)
        }
    }

    @Test func `op wait ends with what a worker runs, and says how it ended`() async throws {
        try await withWorkers(tasks: ["held": Self.held, "bad": "exit 3"], poll: "60s") { cluster, workers in
            try await workers.start("h1")
            let id = try await cluster.enqueueEventually("held", with: cluster.ringingQueue)
            try await eventually("it runs") { workers.scratch == "run\n" }
            let wait = try await workers.clusterctl("op", "wait", "\(id)", "--timeout", "30s")
            try await eventually("it is known who waits") {
                try await cluster.count("SELECT COUNT(*) FROM operation_waiters") == 1
            }
            #expect(wait.isRunning)
            #expect(FileManager.default.createFile(atPath: "\(workers.scratchPath).go", contents: nil))
            #expect(try await wait.end() == 0)

            let bad = try await cluster.enqueueEventually("bad", with: cluster.ringingQueue)
            #expect(try await workers.clusterctl("op", "wait", "\(bad)", "--timeout", "30s").end() == 1)
        }
    }
}

extension Workers {
    /// Starts a command of the operator's against the same cluster.
    fileprivate func clusterctl(_ arguments: String...) async throws -> RunningProgram {
        try await start(program: "clusterctl", arguments)
    }
}
