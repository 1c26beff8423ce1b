import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import MariaDB
import Testing

@Suite(.timeLimit(.minutes(15))) struct CancelWorkerTests {
    /// Notes its own process, and that of a child in a session of its own, which a kill of the group alone would spare.
    private static let endless = "setsid sleep 3000 & echo $! >> \"$0\"; echo $$ >> \"$0\"; exec sleep 3000"

    @Test func `a running command is ended at once when it is cancelled, long before the poll`() async throws {
        try await withWorkers(tasks: ["endless": Self.endless], poll: "600s", lease: .seconds(600), renew: "200s") {
            cluster,
            workers in
            let worker = try await workers.start("h1")
            let queue = cluster.ringingQueue
            let id = try await cluster.enqueueEventually("endless", with: queue)
            let processes = try await workers.twoProcesses()
            let asked = ContinuousClock.now
            #expect(try await queue.cancel(id).state == .executing)
            let ended = try await cluster.end(of: id)
            #expect(ContinuousClock.now - asked < .seconds(190), "neither a poll nor a renewal was waited for")
            #expect(ended.state == .cancelled && ended.error?.code == "cancelled")
            #expect(processes.allSatisfy { !ProcessTable.isAlive($0) })
            #expect(worker.log.contains("ending an operation that was cancelled"))
            #expect(worker.isRunning)
        }
    }

    @Test func `a cancel that rings no doorbell is heeded at the next renewal, also while the worker drains`()
        async throws
    {
        try await withWorkers(tasks: ["endless": Self.endless], poll: "60s") { cluster, workers in
            let worker = try await workers.start("h1")
            let first = try await cluster.enqueueEventually("endless", with: cluster.ringingQueue)
            let processes = try await workers.twoProcesses()
            #expect(try await cluster.queue.cancel(first).state == .executing)
            #expect(try await cluster.end(of: first).state == .cancelled)
            #expect(processes.allSatisfy { !ProcessTable.isAlive($0) })

            try FileManager.default.removeItem(atPath: workers.scratchPath)
            let second = try await cluster.ringingQueue.enqueue(OperationRequest(tasks: [try TaskName("endless")])).uuid
            _ = try await workers.twoProcesses()
            worker.signal(SIGTERM)
            try await eventually("it drains") { worker.log.contains("draining") }
            #expect(try await cluster.queue.cancel(second).state == .executing)
            #expect(try await cluster.end(of: second).state == .cancelled)
            #expect(try await worker.end() == 0)
            #expect(!worker.log.contains("interrupting what still runs"))
        }
    }

    @Test func `an operation whose worker dies before it has heard of the cancel is never run again`() async throws {
        try await withWorkers(tasks: ["endless": Self.endless]) { cluster, workers in
            let first = try await workers.start("h1")
            let id = try await cluster.enqueueEventually("endless")
            _ = try await workers.twoProcesses()
            first.signal(SIGSTOP)
            #expect(try await cluster.queue.cancel(id).state == .executing)
            try await workers.start("h2")
            let ended = try await cluster.end(of: id)
            #expect(ended.state == .cancelled && ended.deliveries == 1)
            first.signal(SIGKILL)
            first.signal(SIGCONT)
        }
    }

    @Test func `a running command is ended at its operation's deadline`() async throws {
        try await withWorkers(tasks: ["endless": Self.endless]) { cluster, workers in
            try await workers.start("h1")
            try await eventually("it is registered") {
                try await cluster.count("SELECT COUNT(*) FROM registered_tasks WHERE name = 'endless'") > 0
            }
            let request = OperationRequest(tasks: [try TaskName("endless")], deadline: .seconds(3))
            let id = try await cluster.queue.enqueue(request).uuid
            let processes = try await workers.twoProcesses()
            let ended = try await cluster.end(of: id)
            #expect(ended.state == .error && ended.error?.code == "deadline_passed" && ended.failures == 0)
            #expect(try #require(ended.finishedAt).seconds(since: ended.enqueuedAt) >= 3)
            #expect(processes.allSatisfy { !ProcessTable.isAlive($0) })
        }
    }

    @Test func `a worker says once that it skips what it cannot decode, and runs the rest`() async throws {
        try await withWorkers(tasks: [:], poll: "20ms") { cluster, workers in
            let bad = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            try await cluster.execute("UPDATE work_queue SET tasks = '[\"No Task\"]'")
            let worker = try await workers.start("h1")
            for _ in 0..<3 {
                let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
                #expect(try await cluster.end(of: id).state == .complete)
            }
            #expect(worker.log.split(separator: "\n").count { $0.contains("cannot be decoded") } == 1, "\(worker.log)")
            #expect(worker.log.contains("\(bad)"))
        }
    }
}

extension Workers {
    /// The two processes that a run of `endless` has noted.
    fileprivate func twoProcesses() async throws -> [Int32] {
        try await eventually("it runs") { scratch.split(separator: "\n").count == 2 && scratch.hasSuffix("\n") }
        return scratch.split(separator: "\n").compactMap { Int32($0) }
    }
}
