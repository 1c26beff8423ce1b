import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

@Suite struct ExplainCommandTests {
    private func explain(_ id: OperationID, on cluster: TestCluster) async throws -> ExplanationView {
        try await cluster.example("op-explain", ["op", "explain", "\(id)"], alsoAsTable: true)
    }

    @Test func `an operation that waits is explained by dependencies, pauses, targets, workers and its place`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h1")
            try await cluster.addNetwork("blue")
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            var reasons = try await explain(first, on: cluster).reasons
            #expect(reasons.map(\.reason) == [.noWorker])

            try await cluster.addWorker("queueworker", on: "h1")
            reasons = try await explain(first, on: cluster).reasons
            #expect(reasons.map(\.reason) == [.aboutToRun])

            let later = OperationRequest(tasks: [BuiltInTask.noop.name], dependsOn: [first], deadline: .seconds(60))
            let second = try await cluster.queue.enqueue(later).uuid
            reasons = try await explain(second, on: cluster).reasons
            #expect(reasons.map(\.reason) == [.dependenciesLeft, .deadline] && reasons[0].operations == [first])
            #expect(reasons[0].message.contains("\(first) must complete and is queued"))

            let third = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            let better = OperationRequest(tasks: [BuiltInTask.noop.name], lane: .userWaiting)
            _ = try await cluster.queue.enqueue(better)
            _ = try await cluster.clusterctl("queue", "pause", "any-user_f*", "--reason", "disk swap")
            reasons = try await explain(third, on: cluster).reasons
            #expect(reasons.map(\.reason) == [.paused, .ahead] && reasons[1].count == 2)
            #expect(reasons[0].pattern == "any-user_f*" && reasons[0].message.contains("disk swap"))
            _ = try await cluster.clusterctl("queue", "resume", "*")

            try await cluster.execute("UPDATE nodes SET state = 'draining'")
            #expect(try await explain(first, on: cluster).reasons.map(\.reason) == [.draining, .ahead])
        }
    }

    @Test func `a task that no live worker can run is told, and so is a busy target and a missing leader`() async throws
    {
        try await withCluster { cluster in
            try await cluster.register("restart_agent")
            try await cluster.addNode("h1")
            try await cluster.addWorker("queueworker", on: "h1")
            try await cluster.addNetwork("blue")
            let command = OperationRequest(tasks: [try TaskName("restart_agent")])
            let unrunnable = try await cluster.queue.enqueue(command).uuid
            #expect(try await explain(unrunnable, on: cluster).reasons.map(\.reason) == [.notRunnable])

            let update = try TaskName("network_apply_update_dnsmasq")
            let remove = try TaskName("network_remove_dhcp_lease")
            let running = OperationRequest(tasks: [update], target: .init(network: try NetworkName("blue")))
            let primary = try await cluster.queue.enqueue(running).uuid
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            #expect(claims.map(\.operation.id) == [primary])
            let waiting = OperationRequest(tasks: [remove], target: .init(network: try NetworkName("blue")))
            let busy = try await cluster.queue.enqueue(waiting).uuid
            var reasons = try await explain(busy, on: cluster).reasons
            #expect(reasons.map(\.reason) == [.targetBusy, .noLeader] && reasons[0].operations == [primary])
            #expect(reasons[0].since != nil)
            // The worker of this test has no session, as if it had died.
            reasons = try await explain(primary, on: cluster).reasons
            #expect(reasons.map(\.reason) == [.workerGone, .executing])

            try await cluster.elect("h1", term: 1)
            #expect(try await explain(busy, on: cluster).reasons.map(\.reason) == [.targetBusy, .noWorker])
            try await cluster.addWorker("netnode", on: "h1")
            #expect(try await explain(busy, on: cluster).reasons.map(\.reason) == [.targetBusy])
        }
    }

    @Test func `what has ended is explained with each attempt, and what rides or rode with its primary`() async throws {
        try await withCluster { cluster in
            try await cluster.register("restart_agent", attempts: 2)
            let request = OperationRequest(tasks: [try TaskName("restart_agent")])
            let id = try await cluster.queue.enqueue(request).uuid
            var worker = try cluster.worker(commands: ["restart_agent"])
            let failure = OperationFailure(code: "command_failed", message: "exit code 1")
            for delivery in 1...2 {
                try await cluster.execute("UPDATE work_queue SET ready_at = NOW(6)")
                try await worker.settle(try await worker.claim(), .failed(failure))
                // The back-off is not over, however long the machine takes from here.
                try await cluster.execute("UPDATE work_queue SET ready_at = NOW(6) + INTERVAL 1 HOUR")
                let view = try await explain(id, on: cluster)
                #expect(view.attemptHistory.count == 1, "the last one is told by the end itself")
                #expect(view.reasons.first?.reason == (delivery == 1 ? .notBefore : .error))
            }
            let end = try await explain(id, on: cluster)
            #expect(end.reasons[0].message == "command_failed: exit code 1" && end.reasons.count == 1)

            try await cluster.addNetwork("blue")
            let network = OperationRequest(
                tasks: [try TaskName("network_apply_update_dnsmasq")],
                target: .init(network: try NetworkName("blue")),
                allowsDedup: false
            )
            let pair = [try await cluster.queue.enqueue(network).uuid, try await cluster.queue.enqueue(network).uuid]
            let claims = try await worker.claim()
            let primary = try #require(claims.first).operation.id
            let follower = try #require(pair.first { $0 != primary })
            let riding = try await explain(follower, on: cluster).reasons
            #expect(riding.map(\.reason) == [.folded] && riding[0].operations == [primary])
            try await worker.settle(claims, .succeeded(result: nil))
            let rode = try await explain(follower, on: cluster).reasons
            #expect(rode.map(\.reason) == [.complete] && rode[0].operations == [primary])
        }
    }

    @Test func `an unknown operation is not explained`() async throws {
        try await withCluster { cluster in
            let run = try await cluster.clusterctl("op", "explain", "\(OperationID.new())")
            #expect(run.status == 3 && run.output == "")
        }
    }

    @Test(arguments: [100, 20_000])
    func `what is ahead is counted from the index alone, up to a limit`(backlog: Int) async throws {
        try await withCluster { cluster in
            let first = try await cluster.queue.enqueue(
                OperationRequest(tasks: [BuiltInTask.noop.name]),
                count: backlog
            )
            try await cluster.execute("ANALYZE TABLE work_queue")
            let last = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            let operation = try await cluster.operation(last)
            let query = ExplanationStatements.aheadQuery(of: operation, limit: ExplanationFacts.mostCounted)
            let plan = try await cluster.database.withSession { session in
                try session.query("EXPLAIN \(sql: query)").compactMap { row in
                    let (table, key) = try (row.get("table", as: String?.self), row.get("key", as: String?.self))
                    return table == "work_queue" ? "\(key ?? "none") \(try row.get("Extra", as: String.self))" : nil
                }
            }
            #expect(
                plan.count == 2 && plan.allSatisfy { $0.hasPrefix("claim") && $0.contains("Using index") },
                "\(plan)"
            )
            let reasons = try await explain(last, on: cluster).reasons
            let ahead = reasons.first { $0.reason == .ahead }
            #expect(ahead?.count == min(backlog, ExplanationFacts.mostCounted))
            #expect(try await explain(first, on: cluster).reasons.allSatisfy { $0.reason != .ahead })
        }
    }
}

extension TestCluster {
    /// Pretends that a daemon runs on a node, for a minute.
    func addWorker(_ daemon: String, on node: String) async throws {
        try await execute(
            """
            INSERT INTO sessions (
                id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
            SELECT UUID(), \(daemon), id, name, 4712, 10000000, NOW(6), NOW(6), NOW(6) + INTERVAL 60 SECOND
            FROM nodes WHERE name = \(node)
            """
        )
    }
}
