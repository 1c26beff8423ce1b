import ClusterOpsTestKit
import DatabaseTime
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// The locking statements of the queue are for some rows, and lock and read no others, however many there are.
@Suite(.timeLimit(.minutes(15))) struct LockedRowTests {
    /// The cost of one statement, counted by the server.
    private struct Cost: Error {
        let locked: Int
        let read: Int

        /// Returns whether it is a small multiple of the rows that the statement is for.
        ///
        /// A changed row counts once for itself and once for each index entry that is looked up on the way. A row that
        /// is passed over is read, and may be unlocked at once: that is why reads count too. The most, 499 for 121
        /// rows, are those of an enqueue behind others, whose procedure goes through the list of its edges several
        /// times.
        func isInProportion(to rows: Int) -> Bool { locked <= 3 * rows && read <= 5 * rows + 10 }
    }

    @Test func `a locking statement locks and reads the rows that it is for, and not the backlog`() async throws {
        try await withCluster { cluster in
            try await cluster.addBacklog(5000)
            for statement in try await QueueInUse(cluster).statements {
                let cost = try await measure(statement.run, in: cluster)
                print("\(statement.name): \(statement.rows) rows, \(cost.locked) locked, \(cost.read) read")
                #expect(cost.isInProportion(to: statement.rows), "\(statement.name), for \(statement.rows): \(cost)")
            }
            // The two that a statement without an index would be.
            let walks: [SQL] = [
                "UPDATE work_queue SET lane = lane WHERE requester = 'nobody'",
                "SELECT id FROM work_queue WHERE requester = 'backlog' FOR UPDATE",
            ]
            for walk in walks {
                let cost = try await measure({ _ = try $0.session.execute(walk) }, in: cluster)
                #expect(!cost.isInProportion(to: 100), "\(walk.text): \(cost)")
            }
        }
    }

    /// Counts what a statement costs, in a transaction that is rolled back.
    private func measure(_ run: @escaping LockingStatement.Run, in cluster: TestCluster) async throws -> Cost {
        do {
            return try await cluster.database.withTransaction { transaction -> Cost in
                let before = try transaction.session.rowsRead()
                try run(transaction)
                let read = try transaction.session.rowsRead() - before
                throw Cost(locked: try transaction.listed("trx_rows_locked"), read: read)
            }
        } catch let cost as Cost {
            return cost
        }
    }
}

/// A locking statement, with the number of rows that it is for.
private struct LockingStatement: Sendable {
    typealias Run = @Sendable (borrowing Transaction) throws -> Void

    let name: String
    let rows: Int
    let run: Run

    init(_ name: String, _ rows: Int, _ run: @escaping Run) {
        self.name = name
        self.rows = rows
        self.run = run
    }
}

/// Operations in every state, ten of each, on which the statements of the queue have something to do.
private struct QueueInUse: Sendable {
    private let node: NodeID
    private let worker: WorkerIdentity
    /// Queued, without a target.
    private let waiting: [OperationID]
    /// Queued, of one identity and one exclusive target.
    private let siblings: [OperationID]
    /// A session among many.
    private let silent = SessionID.new()
    /// Executing, under a session that has no row.
    private let executing: [OperationID]
    /// The operation that the followers were folded into.
    private let primary: OperationID
    private let followers: [OperationID]
    /// Each waits for each of the executing ones.
    private let blocked: [OperationID]
    /// Plans for operations that have not been enqueued; they depend on the waiting ones.
    private let plans: [OperationPlan]
    /// Plans for operations that can never run.
    private let doomed: [OperationPlan]

    init(_ cluster: TestCluster) async throws {
        node = try await cluster.addNode("h1")
        try await cluster.addNetwork("blue")
        try await cluster.addNetwork("red")
        let noop = [BuiltInTask.noop.name]
        func enqueue(_ request: OperationRequest) async throws -> [OperationID] {
            var ids: [OperationID] = []
            for _ in 0..<10 { ids.append(try await cluster.queue.enqueue(request).uuid) }
            return ids
        }
        func update(_ network: String) throws -> OperationRequest {
            let target = OperationRequest.Target(network: try NetworkName(network))
            return OperationRequest(
                tasks: [BuiltInTask.networkApplyUpdateDNSMasq.name],
                target: target,
                allowsDedup: false
            )
        }
        executing = try await enqueue(OperationRequest(tasks: noop))
        _ = try await enqueue(try update("blue"))
        var claimer = try cluster.worker("h1", queues: ["any-user_facing", "networknode-user_facing"])
        let claims = try await claimer.claim(11)
        worker = claimer.identity
        primary = try #require(claims.first { $0.operation.exclusiveKey != nil }?.operation.id)
        let folded = try await cluster.database.withSession { session in
            try session.query("SELECT id FROM work_queue WHERE state = 'folded'").map { try $0.only(OperationID.self) }
        }
        followers = folded
        #expect(claims.count == 11 && folded.count == 9)
        siblings = try await enqueue(try update("red"))
        waiting = try await enqueue(OperationRequest(tasks: noop))
        blocked = try await enqueue(OperationRequest(tasks: noop, dependsOn: executing))
        let failed = try await enqueue(OperationRequest(tasks: noop))
        for id in failed { _ = try await cluster.queue.cancel(id) }
        let target = OperationRequest.Target(node: try NodeName("h1"))
        let possible = OperationRequest(tasks: noop, target: target, dependsOn: waiting)
        let impossible = OperationRequest(tasks: noop, target: target, dependsOn: [failed[0]])
        (plans, doomed) = try await cluster.database.withSession { session in
            (
                try Admission.plans(for: Array(repeating: possible, count: 10), on: session),
                try Admission.plans(for: Array(repeating: impossible, count: 10), on: session)
            )
        }
        // Past their deadline, and waiting since a time that is still to come.
        let list = SQL.joined(waiting.map { "\($0)" as SQL }, separator: ", ")
        try await cluster.execute(
            """
            UPDATE work_queue
            SET deadline = NOW(6) - INTERVAL 1 SECOND, ready_set_at = NOW(6) + INTERVAL 1 HOUR
            WHERE id IN (\(sql: list))
            """
        )
        try await cluster.execute(
            """
            INSERT INTO cascades (dependency, state, ended_at)
            SELECT id, 'cancelled', NOW(6) FROM finished_operations WHERE requester = 'test'
            """
        )
        try await cluster.execute(
            """
            INSERT INTO sessions (
                id, daemon, node, node_name, pid, lease_microseconds, started_at, renewed_at, expires_at)
            SELECT IF(seq = 1, \(silent), UUID()), 'queueworker', \(node), 'h1', seq, 1000000, NOW(6), NOW(6), NOW(6)
            FROM seq_1_to_1000
            """
        )
    }

    var statements: [LockingStatement] { enqueueing + claiming + settling + reaping }

    private var enqueueing: [LockingStatement] {
        [
            // Their rows, their edges, the node, and the operations that they wait for.
            LockingStatement("enqueue behind others", 10 + 100 + 1 + 10) {
                _ = try OperationQueue.insert(plans, requester: "test", in: $0)
            },
            LockingStatement("enqueue what can never run", 10 + 1) {
                _ = try OperationQueue.insert(doomed, requester: "test", in: $0)
            },
            LockingStatement("improveLane", 1) {
                let better = try QueueName("any-user_waiting")
                _ = try EnqueueStatements.improveLane(
                    of: waiting[0],
                    to: better,
                    insteadOf: [.userFacing],
                    on: $0.session
                )
            },
            LockingStatement("lockLive", 10) { _ = try EnqueueStatements.lockLive(waiting, in: $0) },
            LockingStatement("hold", 1) { _ = try NodeWorkStatements.hold([node], in: $0) },
        ]
    }

    private var claiming: [LockingStatement] {
        let moment = Timestamp(microseconds: 1_700_000_000_000_000)
        return [
            LockingStatement("lockWaiting", 10) {
                let locked = try ClaimStatements.lockWaiting(waiting, for: worker, ifHeld: .skip, in: $0)
                #expect(locked.operations.count == 10)
            },
            LockingStatement("start", 10) { try ClaimStatements.start(waiting, by: worker, at: moment, in: $0) },
            LockingStatement("take", 0) {
                let isTaken = try TargetStatements.take("network of nobody", for: siblings[0], in: $0)
                #expect(isTaken)
            },
            LockingStatement("lockSiblings", 10) { transaction in
                let locked = try ClaimStatements.lockSiblings(siblings, in: transaction)
                #expect(locked.count == 10)
            },
            LockingStatement("fold", 10) {
                try ClaimStatements.fold(siblings, into: primary, startedAt: moment, in: $0)
            },
        ]
    }

    private var settling: [LockingStatement] {
        let requeue = Requeue(failures: 1, pause: .seconds(1), history: [])
        let edges = executing.map { (dependency: $0, dependent: blocked[0]) }
        return [
            LockingStatement("lockClaims", 10) {
                let locked = try EndingStatements.lockClaims(executing, of: worker.session, ifHeld: .skip, in: $0)
                #expect(locked.count == 10)
            },
            LockingStatement("standing", 1) { _ = try EndingStatements.standing(of: executing[0], in: $0) },
            LockingStatement("lockFollowers", 9) { transaction in
                let (ids, haveDependents, _) = try EndingStatements.concerned(byEndsOf: [primary], in: transaction)
                let locked = try EndingStatements.lockFollowers(ids, in: transaction)
                #expect(locked.count == 9 && !haveDependents)
            },
            LockingStatement("copyToHistory", 10) {
                try EndingStatements.copyToHistory(executing, outcome: .complete(result: nil, omitted: nil), in: $0)
            },
            LockingStatement("free", 10) { try TargetStatements.free(by: executing, in: $0) },
            // With the rows of history, without which nothing is deleted.
            LockingStatement("delete", 20) { transaction in
                let outcome = OperationOutcome.complete(result: nil, omitted: nil)
                try EndingStatements.copyToHistory(executing, outcome: outcome, in: transaction)
                try EndingStatements.delete(executing, in: transaction)
            },
            LockingStatement("deleteEdges", 10) { try EndingStatements.deleteEdges(edges, in: $0) },
            LockingStatement("release", 10) {
                try EndingStatements.release(blocked.map { ($0, 1) }, in: $0)
            },
            LockingStatement("lockBlocked", 10) { transaction in
                let locked = try EndingStatements.lockBlocked(blocked, in: transaction)
                #expect(locked.count == 10)
            },
            LockingStatement("requeue", 1) { try EndingStatements.requeue(executing[0], requeue, in: $0) },
            LockingStatement("move", 1) {
                let isMoved = try EndingStatements.move(waiting[0], to: try QueueName("any-user_waiting"), in: $0)
                #expect(isMoved)
            },
            LockingStatement("unfold", 9) { try CancelStatements.unfold(followers, from: primary, in: $0) },
            LockingStatement("lock", 1) { _ = try CancelStatements.lock(waiting[0], in: $0) },
            LockingStatement("request", 1) { try CancelStatements.request([executing[0]], by: "test", in: $0) },
            LockingStatement("lockNext", 10) { transaction in
                let locked = try CascadeStatements.lockNext(in: transaction)
                #expect(locked.count == 10)
            },
            // As one: claims, followers, dependents, edges, history.
            LockingStatement("settle", 10 + 10 + 100 + 10) {
                let entries = executing.map { Settling.Entry(id: $0, delivery: 1, report: .succeeded(result: nil)) }
                _ = try EndingStatements.lockClaims(executing, of: worker.session, ifHeld: .skip, in: $0)
                let effects = try Settling.apply(entries, random: 0.5, in: $0)
                #expect(effects.ended.count == 10)
            },
        ]
    }

    private var reaping: [LockingStatement] {
        [
            LockingStatement("lockOrphans", 10) { transaction in
                let locked = try SessionStatements.lockOrphans(executing, ifHeld: .skip, in: transaction)
                #expect(locked.count == 10)
            },
            LockingStatement("lockRunElsewhere", 10) {
                let other = try NodeName("h2")
                let locked = try SessionStatements.lockRunElsewhere(executing, than: other, ifHeld: .skip, in: $0)
                #expect(locked.count == 10)
            },
            LockingStatement("lockOverdue", 10) { transaction in
                let locked = try CancelStatements.lockOverdue(waiting, ifHeld: .skip, in: transaction)
                #expect(locked.count == 10)
            },
            LockingStatement("lockAhead", 10) { transaction in
                let locked = try ClockStatements.lockAhead(waiting, ifHeld: .skip, in: transaction)
                #expect(locked.count == 10)
            },
            LockingStatement("pullBack", 10) { try ClockStatements.pullBack(waiting, in: $0) },
            LockingStatement("markDead", 1) {
                let isMarked = try SessionStatements.markDead(silent, renewals: 0, on: $0.session)
                #expect(isMarked)
            },
        ]
    }
}
