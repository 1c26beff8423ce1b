import ClusterEngine
import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterModel
@testable import ClusterReports
@testable import ClusterStore

/// What `top` reads.
@Suite(.timeLimit(.minutes(15))) struct ActivityTests {
    @Test func `a large cluster is looked at by one statement, and the lists stop at a limit`() async throws {
        try await withCluster { cluster in
            try await cluster.addLargeCluster(nodes: 1000, processes: 5)
            try await cluster.fillHistory(5000)
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 2000)
            try await cluster.execute("UPDATE nodes SET state = 'draining' WHERE name = 'h2'")
            try await cluster.execute(
                """
                UPDATE work_queue AS w JOIN sessions AS s ON s.node_name = 'h3' AND s.daemon = 'netnode'
                SET w.state = 'executing', w.session = s.id, w.deliveries = 1, w.worker_node = 'h3',
                    w.claimed_at = NOW(6), w.started_at = NOW(6) - INTERVAL 1 HOUR
                """
            )
            let activity = try await cluster.database.withSession { session in
                let before = try session.statements()
                let activity = try ClusterActivity(ActivityStatements.rows(on: session))
                // One, and the count itself.
                #expect(try session.statements() - before == 2)
                return activity
            }
            #expect(activity.nodes.count == 200 && activity.running.count == 200)
            #expect(activity.nodes.prefix(3).map(\.name.description) == ["h1000", "h2", "h3"])
            #expect(activity.nodes.prefix(3).map(\.liveProcesses) == [0, 2, 2])
            #expect(activity.nodes.prefix(3).map(\.running) == [0, 0, 2000] && activity.nodes[1].isDraining)
            #expect(activity.nodes[0].seenSecondsAgo == nil && activity.nodes[1].seenSecondsAgo != nil)
            #expect(activity.running.allSatisfy { $0.seconds > 3599 && $0.node?.description == "h3" })
            #expect(activity.status.nodes.total == 1000)
        }
    }

    @Test func `rates and failures are those of the last seconds, the newest failure first`() async throws {
        try await withCluster { cluster in
            let failing = try TaskName("failing")
            for (number, state) in ["error", "complete", "aborted", "complete", "cancelled"].enumerated() {
                try await cluster.execute(
                    """
                    INSERT INTO finished_operations (id, kind, tasks, queue_name, lane, requester, max_attempts, state,
                        enqueued_at, ready_at, deliveries, failures, defer_count, started_at, finished_at, error)
                    VALUES (UUID(), 'command', \(JSONColumn([failing])), 'any-background', 'background', 'test', 1, \(state),
                        NOW(6), NOW(6), 1, 0, 0, NOW(6), NOW(6) - INTERVAL \(number) SECOND,
                        IF(\(state) = 'complete', NULL, JSON_OBJECT('code', 'c', 'message', REPEAT('é"', 400))))
                    """
                )
            }
            let activity = try await cluster.database.withSession {
                try ClusterActivity(ActivityStatements.rows(on: $0))
            }
            #expect(activity.failures.map(\.state) == [.error, .aborted])
            #expect(activity.failures.allSatisfy { $0.message == String(repeating: "é\"", count: 150) })
            #expect(activity.failures.allSatisfy { $0.tasks == [failing] && $0.node == nil })
            #expect(activity.endedPerSecond == [.background: 0.5])
            try await cluster.execute("UPDATE finished_operations SET finished_at = finished_at - INTERVAL 20 SECOND")
            try await cluster.execute("DELETE FROM finished_operations WHERE state = 'error'")
            let later = try await cluster.database.withSession { try ClusterActivity(ActivityStatements.rows(on: $0)) }
            #expect(later.endedPerSecond == [:] && later.failures.map(\.state) == [.aborted])
        }
    }

    @Test func `who may only look may look so`() async throws {
        try await withCluster { cluster in
            let user = try await RoleUser.make(
                .reader,
                in: cluster.configuration,
                by: cluster.database,
                on: PrivateServer.shared
            )
            let lanes = try await user.withDatabase { database in
                try await database.withSession {
                    try ClusterActivity(ActivityStatements.rows(on: $0)).status.lanes.count
                }
            }
            #expect(lanes == Lane.allCases.count)
        }
    }
}
