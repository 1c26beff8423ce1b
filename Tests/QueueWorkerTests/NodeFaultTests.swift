import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@testable import ClusterDaemon
@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// A node that cannot start a program leaves the work to others.
@Suite(.timeLimit(.minutes(15))) struct NodeFaultTests {
    /// A configuration of one task, as two nodes may have it.
    private func start(
        _ node: String,
        _ command: String,
        _ cluster: TestCluster,
        _ directory: String
    ) async throws
        -> RunningProgram
    {
        let path = "\(directory)/\(node).yaml"
        try "tasks: {work: {command: [\(command)], max_attempts: 2}}\n"
            .write(toFile: path, atomically: true, encoding: .utf8)
        var environment = try Workers.environment(cluster.configuration, poll: "100ms")
        environment["CLUSTEROPS_CONFIG"] = path
        return try await RunningProgram("queueworker", ["run", "--node", node], environment: environment)
    }

    private func withTwoNodes(_ body: @Sendable (TestCluster, String) async throws -> Void) async throws {
        let directory = try PrivateServer.shared.directory.scratch()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await withCluster(connections: 8) { cluster in
            for node in ["h1", "h2"] { try await cluster.addNode(node) }
            try await body(cluster, directory)
        }
    }

    private func enqueue(_ count: Int, _ cluster: TestCluster, node: String? = nil) async throws -> [OperationID] {
        let target = OperationRequest.Target(node: try node.map { try NodeName($0) })
        let request = OperationRequest(tasks: [try TaskName("work")], target: target)
        return try await cluster.queue.submit(Array(repeating: request, count: count)).map(\.uuid)
    }

    private func eventuallyRegistered(by nodes: Int, _ cluster: TestCluster) async throws {
        try await eventually("the task is registered") {
            try await cluster.count(
                """
                SELECT COUNT(*) FROM registered_tasks AS r JOIN sessions AS s ON s.node = r.node AND s.dead = FALSE
                """
            ) == nodes
        }
    }

    @Test(arguments: ["/nope", "no_such_program", "FILE", "FILE/below"])
    func `a node that lacks the program takes nothing from one that has it`(_ command: String) async throws {
        try await withTwoNodes { cluster, directory in
            let file = "\(directory)/plain"
            try "#!/bin/sh\n".write(toFile: file, atomically: true, encoding: .utf8)
            let bad = try await start("h1", command.replacing("FILE", with: file), cluster, directory)
            let good = try await start("h2", "/bin/sleep, \"0.05\"", cluster, directory)
            try await eventuallyRegistered(by: 2, cluster)
            for id in try await enqueue(60, cluster) {
                let ended = try await cluster.end(of: id)
                #expect(ended.state == .complete && ended.failures == 0 && ended.worker?.node.description == "h2")
                #expect(ended.deliveries == 1, "the bad node sees it before it takes anything")
            }
            #expect(bad.isRunning && good.isRunning)
        }
    }

    @Test func `what only a start shows hands the operation back in its place, and spends no attempt`() async throws {
        try await withTwoNodes { cluster, directory in
            // Executable, but no program.
            let file = "\(directory)/broken"
            try "#!/no/such/interpreter\n".write(toFile: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
            let bad = try await start("h1", file, cluster, directory)
            try await eventuallyRegistered(by: 1, cluster)
            let ids = try await enqueue(20, cluster)
            let before = try await cluster.operation(ids[0])
            try await eventually("the fault is seen") {
                try await cluster.count("SELECT COUNT(*) FROM registered_tasks WHERE obstacle IS NOT NULL") == 1
            }
            try await eventually("all are back") {
                try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE state = 'queued'") == 20
            }
            let deliveries = try await cluster.count("SELECT CAST(SUM(deliveries) AS INT) FROM work_queue")
            #expect((1...8).contains(deliveries), "four slots, and at most one more try of each: \(deliveries)")
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE failures > 0") == 0)
            let after = try await cluster.operation(ids[0])
            #expect(after.readyAt == before.readyAt && after.attemptHistory.allSatisfy { $0.outcome == .nodeCannot })

            let good = try await start("h2", "/bin/true", cluster, directory)
            for id in ids { #expect(try await cluster.end(of: id).state == .complete) }
            #expect(bad.isRunning && good.isRunning)
        }
    }

    @Test func `what a node cannot start is told by node show, doctor and op explain, and used once it is there`()
        async throws
    {
        try await withTwoNodes { cluster, directory in
            let program = "\(directory)/program"
            let worker = try await start("h1", program, cluster, directory)
            try await eventuallyRegistered(by: 1, cluster)
            try await eventually("the cluster is told") {
                try await cluster.count("SELECT COUNT(*) FROM registered_tasks WHERE obstacle IS NOT NULL") == 1
            }
            let id = try await enqueue(1, cluster, node: "h1")[0]
            let connection = ClusterConnection(
                database: cluster.database,
                requester: "test",
                waker: NoWaker(),
                logger: .silent
            )
            let node = try await Inventory(connection).node(try NodeName("h1"))
            #expect(node.obstacles.map(\.task.description) == ["work"])
            #expect(node.obstacles.first?.reason.contains("\(program): No such file or directory") == true)
            let explanation = try await connection.explanation(of: id)
            let reason = try #require(explanation.reasons.first { $0.reason == .notRunnable })
            #expect(reason.message.contains("h1") && reason.message.contains(program), "\(reason.message)")
            let doctor = try await cluster.database.withSession { DoctorCheck.tasks.view(on: $0) }
            #expect(doctor.findings.count == 1 && doctor.findings[0].message.contains(program), "\(doctor)")
            try await eventually("the log says so") {
                worker.log.contains("a task cannot be started on this node and is left to others")
            }
            #expect(try await cluster.operation(id).deliveries == 0, "it waits, and is not taken again and again")

            try "#!/bin/sh\nexit 0\n".write(toFile: program, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
            #expect(try await cluster.end(of: id).state == .complete)
            #expect(try await cluster.count("SELECT COUNT(*) FROM registered_tasks WHERE obstacle IS NOT NULL") == 0)
        }
    }

    @Test func `more slots than there are descriptors for are refused by name`() async throws {
        try await withCluster { cluster in
            var environment = try Workers.environment(cluster.configuration, poll: "100ms")
            environment["CLUSTEROPS_WORKER_SLOTS"] = "1000"
            let program = try await RunningProgram(
                "queueworker",
                ["run", "--node", "h1"],
                environment: environment,
                through: ["/bin/sh", "-c", "ulimit -n 512; exec \"$0\" \"$@\""]
            )
            try await eventually("it refuses") { !program.isRunning }
            #expect(try await program.end() == 64)
            #expect(program.log.contains("worker.slots: expected no more slots") && program.log.contains("512"))
        }
    }
}
