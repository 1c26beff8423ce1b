import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// Rows that enqueuers hold in share mode, one after the other, as those do that depend on the operation.
@Suite(.timeLimit(.minutes(15))) struct HeldRowTests {
    private let noop = BuiltInTask.noop.name

    @Test func `an operation of a dead worker that others keep depending on is returned`() async throws {
        try await withCluster(connections: 16) { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            var worker = try cluster.worker()
            #expect(try await worker.claim().count == 1)
            let passes = try await cluster.passes(whileHolding: id) {
                try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE state = 'queued'") == 1
            }
            #expect(
                try await cluster.operation(id).attemptHistory.map(\.outcome) == [.reaped],
                "after \(passes) passes"
            )
        }
    }

    @Test func `an overdue operation that others keep depending on is ended`() async throws {
        try await withCluster(connections: 16) { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], deadline: .seconds(1))).uuid
            try await cluster.execute("UPDATE work_queue SET deadline = NOW(6)")
            _ = try await cluster.passes(whileHolding: id) {
                try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 1
            }
            #expect(try await cluster.operation(id).error?.code == "deadline_passed")
        }
    }

    @Test func `an operation that an earlier leader ran and others keep depending on is taken back`() async throws {
        try await withCluster(connections: 16) { cluster in
            let task = BuiltInTask.networkApplyUpdateDNSMasq.name
            let id = try await cluster.enqueue(task, on: "blue", lanes: [.userFacing])[0]
            let node = try await cluster.addNode("h1")
            var first = try cluster.worker("h1")
            try await cluster.openSession(first.identity, node: node)
            #expect(try await first.claim().count == 1)
            let (name, holder) = ("networknode", SessionID.new())
            try await cluster.execute(
                """
                INSERT INTO leases (name, holder, holder_node, term, renewed_at, expires_at)
                VALUES (\(name), \(holder), 'h2', 1, NOW(6), NOW(6) + INTERVAL 1 HOUR)
                """
            )
            let tenure = Tenure(lease: name, term: 1, holder: holder, until: .now + .seconds(60))
            let succession = Succession(
                node: try NodeName("h2"),
                database: cluster.database,
                waker: NoWaker(),
                logger: .silent
            )
            let taken = Locked(0)
            _ = try await cluster.repeating(whileHolding: id) {
                do {
                    let count = try await succession.takeBack(under: tenure)
                    taken.update { $0 += count }
                    return true
                } catch is RowLock.StillHeld {
                    return false
                }
            }
            #expect(taken.value == 1 && first.identity.node.description == "h1")
            #expect(try await cluster.operation(id).state == .queued)
        }
    }

    @Test func `an operation that the leader's own node has taken since it was found is not taken back`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            var worker = try cluster.worker("h2")
            #expect(try await worker.claim().count == 1)
            for (node, elsewhere) in [("h1", [id]), ("h2", [])] {
                let leader = try NodeName(node)
                let locked = try await cluster.database.withTransaction { transaction in
                    try SessionStatements.lockRunElsewhere([id], than: leader, ifHeld: .skip, in: transaction).map(\.0)
                }
                #expect(locked == elsewhere)
            }
        }
    }

    @Test func `a pass that meets a row held for long waits a second for it at most, and returns the others`()
        async throws
    {
        try await withCluster { cluster in
            // To wait for each of them would take far longer than what is allowed below.
            let size = 20
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: size * 2)
            var worker = try cluster.worker()
            let held = try await worker.claim(size).map(\.operation.id)
            let reaper = Reaper(database: cluster.database, waker: NoWaker(), logger: .silent)
            let (holder, second) = (try await Connection.open(cluster.configuration), try cluster.worker())
            try await holder.withTransaction { transaction in
                _ = try EnqueueStatements.lockLive(held, in: transaction)
                try blocking {
                    #expect(try await reaper.pass() == 0)
                    // A row counts as held once it has been skipped for this long, in real time.
                    try await Task.sleep(for: SkippedRows.bound)
                    var other = second
                    let claims = try await other.claim(size)
                    #expect(claims.count == size)
                    let begun = ContinuousClock.now
                    #expect(try await reaper.pass() == size, "those that nobody holds")
                    #expect(ContinuousClock.now - begun < .seconds(10), "one of \(size) was waited for, for a second")
                }
            }
            // Now one by one, as many as a pass has the time for.
            var returned = 0
            for _ in 0..<size where returned < size { returned += try await reaper.pass() }
            #expect(returned == size)
            await holder.close()
        }
    }

    @Test func `patience forgets rows that are no longer asked for`() {
        var patience = SkippedRows()
        let (start, gone, left) = (SuspendingClock.now, OperationID.new(), OperationID.new())
        patience.wrote([gone, left], skipped: [gone, left], at: start)
        patience.forget(allBut: [left])
        #expect(
            !patience.isOver(for: gone, at: start + .seconds(60))
                && patience.isOver(for: left, at: start + .seconds(60))
        )
    }
}

extension TestCluster {
    /// Passes of a reaper until a condition holds, while eight transactions hold a row, 50 ms each.
    fileprivate func passes(
        whileHolding id: OperationID,
        until condition: @escaping @Sendable () async throws -> Bool
    ) async throws -> Int {
        let reaper = Reaper(database: database, waker: NoWaker(), logger: .silent)
        return try await repeating(whileHolding: id) {
            try await reaper.pass()
            return try await condition()
        }
    }

    /// Repeats something until it succeeds, while eight transactions hold a row in share mode, 50 ms each; returns
    /// how often.
    fileprivate func repeating(
        whileHolding id: OperationID,
        _ act: @escaping @Sendable () async throws -> Bool
    ) async throws -> Int {
        let (holding, isOver, count) = (Locked(0), Locked(false), Locked(0))
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    while !isOver.value {
                        try Task.checkCancellation()
                        try await database.withTransaction { transaction in
                            _ = try EnqueueStatements.lockLive([id], in: transaction)
                            holding.update { $0 += 1 }
                            _ = try transaction.query("SELECT SLEEP(0.05)")
                        }
                    }
                }
            }
            try await eventually("they hold it") { holding.value > 8 }
            try await eventually("it was dealt with", within: .seconds(20)) {
                count.update { $0 += 1 }
                return try await act()
            }
            isOver.update { $0 = true }
        }
        return count.value
    }
}
