import ClusterOpsTestKit
import ClusterStore
import DatabaseTime
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel

/// What the hot statements are about: a few operations in each state, beside a backlog and a history as large as it.
struct Stage: Sendable {
    /// The operations that wait for nothing but their turn, and those in history.
    let backlog: Int
    /// A worker with a session.
    let worker: WorkerIdentity
    /// Another node, on which a worker without a session works.
    let other: NodeName
    /// The queues of a worker, in its order.
    let queues: [QueueName]
    /// A time after all that has happened.
    let moment: Timestamp
    /// Ten that the worker runs; the first two have a dependent each, and for one somebody waits.
    let running: [OperationID]
    /// One more that it runs, with the two that ride on it.
    let primary: OperationID
    let followers: [OperationID]
    /// Dependencies and their dependents.
    let edges: [(OperationID, OperationID)]
    /// Ten that wait.
    let waiting: [OperationID]
    /// Three that wait for the same work, and what they are.
    let siblings: [OperationID]
    let coalescible: Operation
    let identity: CoalescingKey
    /// Two that run under no session, and two that wait past their deadlines.
    let orphans: [OperationID]
    let overdue: [OperationID]
    /// Ten of the history.
    let ended: [OperationID]
    /// A plain request.
    let plan: OperationPlan

    /// Records an issue if the statement had not the effect that it is measured for.
    func check(_ holds: Bool, at location: SourceLocation = #_sourceLocation) throws {
        #expect(holds, sourceLocation: location)
    }
}

extension TestCluster {
    /// Sets the stage for a backlog, and a history as large as it.
    ///
    /// The server knows the size of its tables, or has counted them when they had `known` rows.
    func stage(backlog: Int, knownAs known: Int? = nil) async throws -> Stage {
        let noop = [BuiltInTask.noop.name]
        func add(
            _ count: Int,
            _ lane: Lane,
            deadline: Duration? = nil,
            on network: String? = nil
        ) async throws
            -> [OperationID]
        {
            let target = OperationRequest.Target(network: try network.map { try NetworkName($0) })
            let tasks = network == nil ? noop : [BuiltInTask.networkApplyUpdateDNSMasq.name]
            var ids: [OperationID] = []
            for _ in 0..<count {
                var request = OperationRequest(tasks: tasks, target: target, lane: lane, allowsDedup: false)
                request.deadline = deadline
                ids.append(try await queue.enqueue(request).uuid)
            }
            return ids
        }
        for network in ["blue", "green"] { try await addNetwork(network) }
        var worker = try worker()
        try await openSession(of: &worker, slots: 11, lease: .seconds(3600))
        let identity = worker.identity

        let running = try await add(10, .userWaiting)
        let sharing = try await add(3, .userWaiting, on: "blue")
        let claims = try await worker.claim(11)
        let primary = try #require(claims.map(\.operation.id).first(where: sharing.contains))
        #expect(claims.count == 11)
        var edges: [(OperationID, OperationID)] = []
        for dependency in running.prefix(2) {
            let request = OperationRequest(tasks: noop, dependsOn: [dependency])
            edges.append((dependency, try await queue.enqueue(request).uuid))
        }
        let orphans = try await add(2, .backgroundHighIO)
        var other = try self.worker("h2", queues: ["any-background_high_io"])
        #expect(try await other.claim(2).count == 2)
        let overdue = try await add(2, .userFacing, deadline: .seconds(3600))
        try await execute("UPDATE work_queue SET deadline = NOW(6) - INTERVAL 1 HOUR WHERE deadline IS NOT NULL")
        let waiting = try await add(10, .userFacing)
        let siblings = try await add(3, .userFacing, on: "green")

        try await addBacklog(backlog, sessions: max(30, backlog / 100))
        if let known { try await pretendToKnow(known) }
        try await execute(
            """
            INSERT INTO operation_waiters (operation, doorbell, expires_at)
            VALUES (\(running[0]), '10.0.0.1:9473', NOW(6) + INTERVAL 1 HOUR)
            """
        )
        let coalescible = try await operation(siblings[0])
        let (moment, ended, plan) = try await database.withSession { session in
            (
                try session.query("SELECT NOW(6)")[0].only(Timestamp.self),
                try session.query("SELECT id FROM finished_operations LIMIT 10").map { try $0.only(OperationID.self) },
                try Admission.plans(for: [OperationRequest(tasks: noop)], on: session)[0]
            )
        }
        return Stage(
            backlog: backlog,
            worker: identity,
            other: other.identity.node,
            queues: worker.queues,
            moment: moment,
            running: running,
            primary: primary,
            followers: sharing.filter { $0 != primary },
            edges: edges,
            waiting: waiting,
            siblings: siblings,
            coalescible: coalescible,
            identity: try #require(coalescible.coalesceKey),
            orphans: orphans,
            overdue: overdue,
            ended: ended,
            plan: plan
        )
    }

    /// Adds operations that wait, a third of them with a deadline and a third with an identity of their own, and
    /// operations that have ended, each with all that other tables may know of it.
    private func addBacklog(_ count: Int, sessions: Int) async throws {
        try await addBacklog(count)
        let statements: [SQL] = [
            """
            UPDATE work_queue SET
                deadline = IF(CRC32(id) % 3 = 0, NOW(6) + INTERVAL 1 DAY, NULL),
                coalesce_key = IF(CRC32(id) % 3 = 1, CONCAT('large - ', id), NULL)
            WHERE requester = 'backlog'
            """,
            """
            INSERT IGNORE INTO operation_dependencies (dependency, dependent, must_complete)
            SELECT UUID(), id, TRUE FROM work_queue WHERE requester = 'backlog'
            """,
            """
            INSERT INTO adoptions (operation, requester, adopted_at)
            SELECT id, 'large', NOW(6) FROM finished_operations
            """,
            "INSERT IGNORE INTO operation_labels (operation, name, value) SELECT id, 'a', 'b' FROM finished_operations",
            """
            INSERT IGNORE INTO retries (operation, retried_as, requester, retried_at)
            SELECT id, UUID(), 'large', NOW(6) FROM finished_operations
            """,
            "INSERT IGNORE INTO aborted_dependents (dependency, dependent) SELECT UUID(), id FROM finished_operations",
        ]
        for statement in statements { try await fill(statement) }
        _ = try await openSessions(sessions, lease: .seconds(3600))
        for table in HotStatementTests.tables { try await fill("ANALYZE TABLE \(sql: table)") }
    }

    /// Leaves the server's statistics as if all tables had been counted when they had so many rows.
    private func pretendToKnow(_ rows: Int) async throws {
        let statements: [SQL] = [
            """
            UPDATE mysql.innodb_table_stats SET n_rows = LEAST(n_rows, \(rows)), clustered_index_size = 1,
                sum_of_other_index_sizes = LEAST(sum_of_other_index_sizes, 10)
            WHERE database_name = DATABASE()
            """,
            """
            UPDATE mysql.innodb_index_stats SET stat_value = LEAST(stat_value, IF(stat_name LIKE 'n_diff%', \(rows), 1))
            WHERE database_name = DATABASE()
            """,
            "FLUSH TABLES",
        ]
        for statement in statements { try await fill(statement) }
    }
}
