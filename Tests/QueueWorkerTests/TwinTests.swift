import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import ClusterReports
import ClusterStore
import Foundation
import MariaDB
import Testing

/// Two `queueworker` processes of one node, as after a crash, or with a configuration that was copied.
@Suite(.timeLimit(.minutes(15))) struct TwinTests {
    private static let warning = "another process of this node and daemon has a living session"

    @Test func `a second worker of a node takes no task from the first, and says whose node it shares`() async throws {
        try await withWorkers(tasks: ["mine": "true"]) { cluster, workers in
            let others = try Workers(
                cluster.configuration,
                tasks: ["theirs": "true"],
                timeout: "60s",
                poll: "100ms",
                lease: Workers.lease,
                renew: Workers.renew
            )
            defer { try? FileManager.default.removeItem(atPath: others.directory) }
            let first = try await workers.start("h1")
            let before = try await cluster.enqueueEventually("mine")
            #expect(try await cluster.end(of: before).state == .complete)

            let second = try await others.start("h1")
            let foreign = try await cluster.enqueueEventually("theirs")
            #expect(try await cluster.end(of: foreign).worker?.pid == Int(second.pid))
            let meanwhile = try await cluster.queue.enqueue(OperationRequest(tasks: [TaskName("mine")])).uuid
            #expect(try await cluster.end(of: meanwhile).worker?.pid == Int(first.pid))
            try await eventually("the second tells of the first") {
                second.log.contains(Self.warning) && second.log.contains("\(first.pid)")
            }
            let diagnosis = try await cluster.connection.diagnosis()
            let findings = diagnosis.checks.flatMap(\.findings).map(\.message)
            #expect(
                findings.contains { finding in
                    finding.contains("h1 has two live processes of one daemon")
                        && [first.pid, second.pid].allSatisfy { finding.contains("queueworker pid \($0)") }
                },
                "\(findings)"
            )

            second.signal(SIGTERM)
            #expect(try await second.end() == 0)
            #expect(!first.log.contains(Self.warning))
            let after = try await cluster.queue.enqueue(OperationRequest(tasks: [TaskName("mine")])).uuid
            #expect(try await cluster.end(of: after).worker?.pid == Int(first.pid))
            await #expect(throws: ClusterOpsError.self, "nobody can run it any more") {
                try await cluster.queue.enqueue(OperationRequest(tasks: [TaskName("theirs")]))
            }
        }
    }

    @Test func `a worker that was killed is followed at once, whatever its session's lease, and nobody warns`()
        async throws
    {
        // A lease that no test lives to see the end of.
        try await withWorkers(tasks: ["old": "true"], lease: .seconds(600), renew: "1s") { cluster, workers in
            let next = try Workers(
                cluster.configuration,
                tasks: ["new": "true"],
                timeout: "60s",
                poll: "100ms",
                lease: Workers.lease,
                renew: Workers.renew
            )
            defer { try? FileManager.default.removeItem(atPath: next.directory) }
            let killed = try await workers.start("h1")
            _ = try await cluster.end(of: try await cluster.enqueueEventually("old"))
            killed.signal(SIGKILL)
            _ = try await killed.end()
            let successor = try await next.start("h1")
            let id = try await cluster.enqueueEventually("new")
            #expect(try await cluster.end(of: id).worker?.pid == Int(successor.pid))
            #expect(try await cluster.count("SELECT COUNT(*) FROM sessions WHERE dead = FALSE") == 2)
            try await eventually("the successor has looked twice at its predecessor's counter") {
                try await cluster.count("SELECT MAX(renewals) FROM sessions WHERE pid = \(Int(successor.pid))") >= 6
            }
            #expect(!successor.log.contains(Self.warning))
        }
    }

    @Test func `a task stays known while its only worker restarts, and goes with its configuration`() async throws {
        try await withWorkers(tasks: ["kept": "true"]) { cluster, workers in
            let first = try await workers.start("h1")
            _ = try await cluster.end(of: try await cluster.enqueueEventually("kept"))
            first.signal(SIGTERM)
            #expect(try await first.end() == 0)
            let waiting = try await cluster.queue.enqueue(OperationRequest(tasks: [TaskName("kept")])).uuid
            let next = try Workers(
                cluster.configuration,
                tasks: ["kept": "true", "more": "true"],
                timeout: "60s",
                poll: "100ms",
                lease: Workers.lease,
                renew: Workers.renew
            )
            defer { try? FileManager.default.removeItem(atPath: next.directory) }
            try await next.start("h1")
            #expect(try await cluster.end(of: waiting).state == .complete)
            #expect(try await cluster.count("SELECT COUNT(*) FROM registered_tasks") == 2)
        }
    }
}

extension TestCluster {
    fileprivate var connection: ClusterConnection {
        ClusterConnection(database: database, requester: "test", waker: NoWaker(), logger: .silent)
    }
}
