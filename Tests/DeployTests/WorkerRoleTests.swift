import ClusterOpsTestKit
import Foundation
import Logging
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct WorkerRoleTests {
    private static let configuration = """
        session: {lease: 2s, renew: 400ms}
        worker: {poll_interval: 100ms}
        tasks:
          fails: {command: ["/bin/sh", "-c", "echo no >&2; exit 1"], max_attempts: 2}
          later: {command: ["/bin/sh", "-c", "test -e $0 && exit 0; touch $0; exit 75", "SCRATCH/later"]}
          sleeps: {command: ["/bin/sleep", "600"]}
          folds: {command: ["/bin/true"], coalescible: true}

        """

    @Test func `a queueworker claims, folds, retries, defers, releases, reaps, samples, counts and forgets history`()
        async throws
    {
        try await withRoles { world in
            let cluster = world.cluster
            let user = try await world.user(.worker)
            let directory = try world.server.directory.scratch()
            let file = "\(directory)/config.yaml"
            try Self.configuration.replacing("SCRATCH", with: directory)
                .write(toFile: file, atomically: true, encoding: .utf8)
            var environment = try world.environment(user)
            environment["CLUSTEROPS_CONFIG"] = file
            try await leaveLitter(cluster)

            func start(_ node: String) async throws -> RunningProgram {
                try await RunningProgram("queueworker", ["run", "--node", node], environment: environment)
            }
            let victim = try await start("h2")
            try await eventually("its commands are known") {
                try await cluster.count("SELECT COUNT(*) FROM registered_tasks") == 4
            }
            func enqueue(_ task: String, node: String = "h1", after: [OperationID] = []) async throws -> OperationID {
                let request = OperationRequest(
                    tasks: [try TaskName(task)],
                    target: .init(node: try NodeName(node)),
                    dependsOn: after
                )
                return try await cluster.queue.enqueue(request).uuid
            }
            let poisoned = try await enqueue("sleeps", node: "h2")
            try await eventually("it runs, and is seen") {
                try await cluster.count("SELECT COUNT(*) FROM supervised_processes") == 1
            }

            let parent = try await enqueue("later")
            let child = try await enqueue("noop", after: [parent])
            let failing = try await enqueue("fails")
            // More than one transaction aborts.
            let doomed = OperationRequest(tasks: [BuiltInTask.noop.name], dependsOn: [failing])
            _ = try await cluster.queue.enqueue(doomed, count: 1001)
            var folding: [OperationID] = []
            for _ in 0..<3 {
                let task = [try TaskName("folds")]
                let request = OperationRequest(tasks: task, target: .init(node: try NodeName("h1")), allowsDedup: false)
                folding.append(try await cluster.queue.enqueue(request).uuid)
            }
            let worker = try await start("h1")
            victim.signal(SIGKILL)
            _ = try await victim.end()
            try await eventually("the dead one's operation is back") {
                try await cluster.operation(poisoned).state == .queued
            }
            for id in folding + [parent, child, failing] {
                try await eventually("operation \(id) ends", within: .seconds(60)) {
                    try await cluster.operation(id).state.isTerminal
                }
            }
            #expect(try await cluster.operation(failing).state == .error)
            try await eventually("what depends on it is aborted", within: .seconds(60)) {
                try await cluster.count("SELECT COUNT(*) FROM finished_operations WHERE state = 'aborted'") == 1001
            }
            #expect(try await cluster.operation(child).state == .complete)
            try await eventually("what was left behind is swept", within: .seconds(60)) {
                try await cluster.count(
                    "SELECT (SELECT COUNT(*) FROM operation_waiters) + (SELECT COUNT(*) FROM sessions WHERE pid = 4711)"
                ) == 0
            }
            try await cancelWhatRuns(cluster, enqueue("sleeps"))
            worker.signal(SIGTERM)
            #expect(try await worker.end() == 0, "\(worker.log)")
            try await user.withDatabase { database in
                let keeper = HistoryKeeper(database: database, retention: .seconds(86_400), logger: .silent)
                let forgotten = try await keeper.forgetBatch()
                #expect(forgotten == 2)
            }
            #expect(try await cluster.refusals() == [])
            try await world.expectAllWasUsed(user)
            try await world.expectGoodPlans(user)
        }
    }

    /// A follower goes back to its queue when what it rides on is cancelled.
    private func cancelWhatRuns(_ cluster: TestCluster, _ id: OperationID) async throws {
        try await eventually("it runs") { try await cluster.operation(id).state == .executing }
        _ = try await cluster.queue.cancel(id)
        try await eventually("it ends") { try await cluster.operation(id).state == .cancelled }
    }

    /// Makes leavings of others: a dead session, a waiter, an operation that ended two days ago with an adoption, a
    /// change of as long ago.
    private func leaveLitter(_ cluster: TestCluster) async throws {
        try await cluster.execute(
            """
            INSERT INTO audit_events (id, happened_at, kind, subject_name, requester, new_values)
            VALUES (UUID(), NOW(6) - INTERVAL 2 DAY, 'node added', 'h1', 'test', '{}')
            """
        )
        try await cluster.execute(
            """
            INSERT INTO sessions (
                id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at, dead)
            SELECT UUID(), 'queueworker', id, name, 4711, 1000000, NOW(6), NOW(6) - INTERVAL 2 HOUR,
                NOW(6) - INTERVAL 2 HOUR, TRUE
            FROM nodes WHERE name = 'h2'
            """
        )
        try await cluster.execute(
            "INSERT INTO operation_waiters VALUES (UUID(), '127.0.0.1:9', NOW(6) - INTERVAL 1 HOUR)"
        )
        let old = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
        _ = try await cluster.queue.cancel(old)
        try await cluster.execute(
            "INSERT INTO adoptions (operation, requester, adopted_at) VALUES (\(old), 'x', NOW(6))"
        )
        try await cluster.execute(
            "UPDATE finished_operations SET finished_at = NOW(6) - INTERVAL 2 DAY WHERE id = \(old)"
        )
    }
}
