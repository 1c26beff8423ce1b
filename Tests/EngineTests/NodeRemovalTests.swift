import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// What waits for a node does not outlive it, and never waits for another node of its name.
@Suite(.timeLimit(.minutes(15))) struct NodeRemovalTests {
    private let noop = BuiltInTask.noop.name

    @Test func `a node for which commands wait is not removed, and they are named by state`() async throws {
        try await withCluster { cluster in
            let ids = try await cluster.graphOnNode("h2")
            let inventory = Inventory(cluster.connection)
            let h2 = try NodeName("h2")
            let refusal = await #expect(throws: ClusterOpsError.self) { try await inventory.removeNode(h2) }
            #expect(refusal?.code == .conflict)
            for part in ["2 operations", "1 blocked", "1 queued", "\(ids.waiting)", "--abort-operations"] {
                #expect(refusal?.message.contains(part) == true, "\(part) in \(refusal?.message ?? "nothing")")
            }
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 4)

            let removal = try await inventory.removeNode(h2, abortingOperations: true)
            #expect(removal.node.object.record.name == h2 && removal.aborted == 3, "with what depends on them")
            for id in [ids.waiting, ids.blocked] {
                let ended = try await cluster.operation(id)
                #expect(ended.state == .aborted && ended.error?.code == "node_removed")
                #expect(ended.error?.message.contains("'h2'") == true)
            }
            #expect(try await cluster.operation(ids.elsewhere).error?.code == "dependency_failed")
            #expect(try await cluster.operation(ids.after).state == .queued)
            #expect(try await cluster.count("SELECT COUNT(*) FROM operation_dependencies") == 0)
        }
    }

    @Test func `mesh operations go with their node without asking`() async throws {
        try await withCluster { cluster in
            try await cluster.addNode("h2")
            try await cluster.addNetwork("blue")
            let target = OperationRequest.Target(network: try NetworkName("blue"), node: try NodeName("h2"))
            let request = OperationRequest(tasks: [BuiltInTask.networkEnsureMesh.name], target: target)
            let id = try await cluster.queue.enqueue(request).uuid
            let removal = try await Inventory(cluster.connection, applies: false).removeNode(try NodeName("h2"))
            #expect(removal.aborted == 1)
            #expect(try await cluster.operation(id).state == .aborted)
        }
    }

    @Test func `more operations than one transaction ends are ended in several, and followers with their primaries`()
        async throws
    {
        try await withCluster { cluster in
            try await cluster.addNode("h2")
            try await cluster.register("refresh", coalescible: true)
            let target = OperationRequest.Target(node: try NodeName("h2"))
            let count = Cascade.mostAtOnce * 2 + 3
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], target: target), count: count)
            let refresh = OperationRequest(tasks: [try TaskName("refresh")], target: target, allowsDedup: false)
            for _ in 0..<3 { _ = try await cluster.queue.enqueue(refresh) }
            // A primary that lost its worker, with its followers.
            var worker = try cluster.worker("h2", commands: ["refresh"], coalescible: true)
            try await cluster.execute(
                "UPDATE work_queue SET ready_at = ready_at - INTERVAL 1 HOUR WHERE coalesce_key IS NOT NULL"
            )
            let claims = try await worker.claim(1)
            #expect(claims.first?.folded.count == 2)
            try await worker.settle(claims, .handedBack)
            let removal = try await Inventory(cluster.connection).removeNode(
                try NodeName("h2"),
                abortingOperations: true
            )
            #expect(removal.aborted == count + 3)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
            #expect(
                try await cluster.count(
                    "SELECT COUNT(*) FROM finished_operations WHERE state = 'aborted' AND error LIKE '%node_removed%'"
                ) == count + 3
            )
        }
    }

    @Test func `a node is not removed while a worker may run an operation of it, and is once that one is dead`()
        async throws
    {
        try await withCluster { cluster in
            let node = try await cluster.addNode("h2")
            let target = OperationRequest.Target(node: try NodeName("h2"))
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], target: target)).uuid
            var worker = try cluster.worker("h2")
            try await cluster.execute(
                """
                INSERT INTO sessions (id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at,
                    expires_at, dead)
                VALUES (\(worker.identity.session), 'queueworker', \(node), 'h2', 1, 1, NOW(6), NOW(6), NOW(6), FALSE)
                """
            )
            #expect(try await worker.claim().count == 1)
            let inventory = Inventory(cluster.connection)
            let refusal = await #expect(throws: ClusterOpsError.self) {
                try await inventory.removeNode(try NodeName("h2"), abortingOperations: true)
            }
            #expect(refusal?.code == .conflict)
            #expect(try await cluster.operation(id).state == .executing)
            try await cluster.execute("UPDATE sessions SET dead = TRUE")
            #expect(try await inventory.removeNode(try NodeName("h2"), abortingOperations: true).aborted == 1)
            #expect(try await cluster.operation(id).error?.code == "node_removed")
        }
    }

    @Test func `nothing is enqueued for a node while it is removed`() async throws {
        try await withCluster(connections: 16) { cluster in
            let lost = Locked(0)
            for round in 0..<8 {
                try await cluster.addNode("h2")
                let (target, name) = (OperationRequest.Target(node: try NodeName("h2")), try NodeName("h2"))
                try await withThrowingDiscardingTaskGroup { group in
                    for client in 0..<6 {
                        group.addTask {
                            for _ in 0..<10 {
                                do {
                                    let request = OperationRequest(tasks: [noop], target: target)
                                    if (client + round) % 2 == 0 {
                                        _ = try await cluster.queue.enqueue(request)
                                    } else {
                                        _ = try await cluster.queue.withTransaction { transaction, work in
                                            work += try cluster.queue.enqueue([request], in: transaction)
                                        }
                                    }
                                } catch let error as ClusterOpsError where error.code == .notFound {
                                    lost.update { $0 += 1 }
                                }
                            }
                        }
                    }
                    group.addTask {
                        _ = try await Inventory(cluster.connection).removeNode(name, abortingOperations: true)
                    }
                }
                #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0, "round \(round)")
            }
            #expect(lost.value > 0, "no request came too late: this run proved nothing")
        }
    }

    @Test func `what an older version left behind for a removed node is explained, and found by doctor`() async throws {
        try await withCluster { cluster in
            let ids = try await cluster.graphOnNode("h2")
            try await cluster.execute("DELETE FROM nodes WHERE name = 'h2'")
            try await cluster.addNode("h2")
            for (id, others) in [(ids.waiting, []), (ids.blocked, [ReasonView.Reason.dependenciesLeft])] {
                let view = try await cluster.connection.explanation(of: id)
                #expect(view.reasons.map(\.reason) == [.nodeRemoved] + others)
                #expect(view.reasons.first?.message.contains("op cancel \(id)") == true)
            }
            let findings = try await cluster.database.withSession { DoctorCheck.nodes.view(on: $0).findings }
            #expect(findings.count == 1 && findings[0].message.hasPrefix("2 operations are for a node 'h2'"))
            // Neither does it keep the new node, nor end with it.
            #expect(try await Inventory(cluster.connection).removeNode(try NodeName("h2")).aborted == 0)
            #expect(try await cluster.operation(ids.waiting).state == .queued)
            #expect(try await cluster.queue.cancel(ids.waiting).state == .cancelled)
            let clean = try await cluster.database.withSession { DoctorCheck.nodes.view(on: $0).findings }
            #expect(clean.isEmpty)
        }
    }
}

extension TestCluster {
    /// For a node: one that waits and one that waits for it; elsewhere one that depends on it, and one that only runs
    /// after it.
    fileprivate func graphOnNode(
        _ name: String
    ) async throws -> (waiting: OperationID, blocked: OperationID, elsewhere: OperationID, after: OperationID) {
        try await addNode(name)
        let noop = BuiltInTask.noop.name
        let target = OperationRequest.Target(node: try NodeName(name))
        let waiting = try await queue.enqueue(OperationRequest(tasks: [noop], target: target)).uuid
        let below = OperationRequest(tasks: [noop], target: target, dependsOn: [waiting])
        return (
            waiting, try await queue.enqueue(below).uuid,
            try await queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [waiting])).uuid,
            try await queue.enqueue(OperationRequest(tasks: [noop], runsAfter: [waiting])).uuid
        )
    }
}
