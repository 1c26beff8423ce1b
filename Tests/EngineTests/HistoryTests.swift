import ClusterOpsTestKit
import Logging
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore
@testable import DatabaseTime

/// History is forgotten when its time is over: in small batches, by as many as there are workers.
@Suite(.timeLimit(.minutes(15))) struct HistoryTests {
    @Test func `what ended longer ago than the retention is forgotten with its adoptions, and nothing else is`()
        async throws
    {
        try await withCluster { cluster in
            let ids = try await cluster.ended(3)
            let (old, young) = (ids[0], ids[1])
            try await cluster.age(old, by: "61 MINUTE")
            try await cluster.age(young, by: "59 MINUTE")
            for id in [old, young] {
                try await cluster.execute(
                    "INSERT INTO adoptions (operation, requester, adopted_at) VALUES (\(id), 'test', NOW(6))"
                )
            }
            let live = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            try await cluster.execute("UPDATE work_queue SET enqueued_at = NOW(6) - INTERVAL 1 YEAR")
            #expect(try await cluster.keeper.forgetBatch() == 1)
            #expect(try await cluster.keeper.forgetBatch() == 0)
            let left = try await cluster.count("SELECT COUNT(*) FROM finished_operations WHERE id <> \(old)")
            #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations") == left && left == 2)
            #expect(try await cluster.count("SELECT COUNT(*) FROM adoptions WHERE operation = \(young)") == 1)
            #expect(try await cluster.count("SELECT COUNT(*) FROM adoptions") == 1)
            #expect(try await cluster.operation(live).state == .queued)
        }
    }

    @Test func `no transaction forgets more than a batch, and of two at once one leaves it to the other`() async throws
    {
        try await withCluster { cluster in
            let count = HistoryStatements.batch * 3 + 1
            _ = try await cluster.ended(1)
            try await cluster.multiplyHistory(to: count)
            try await cluster.execute("UPDATE finished_operations SET finished_at = NOW(6) - INTERVAL 2 HOUR")
            let keeper = cluster.keeper
            #expect(try await keeper.forgetBatch() == HistoryStatements.batch)
            let second = try await cluster.database.withTransaction { transaction in
                _ = try HistoryStatements.lockAllowance(in: transaction)
                return try blocking { try await keeper.forgetBatch() }
            }
            #expect(second == 0)
            #expect(try await keeper.forgetBatch() == HistoryStatements.batch)
            #expect(try await keeper.forgetBatch() == HistoryStatements.batch)
            #expect(try await keeper.forgetBatch() == 1)
            #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 0)
        }
    }

    @Test func `what another one is forgetting is left to it without waiting`() async throws {
        try await withCluster { cluster in
            let ids = try await cluster.ended(2)
            for id in ids { try await cluster.age(id, by: "2 HOUR") }
            let keeper = cluster.keeper
            let forgotten = try await cluster.database.withTransaction { transaction in
                _ = try transaction.query("SELECT id FROM finished_operations WHERE id = \(ids[0]) FOR UPDATE")
                return try blocking { try await keeper.forgetBatch() }
            }
            #expect(forgotten == 1)
            #expect(try await keeper.forgetBatch() == 1)
        }
    }

    @Test(arguments: [30, 20_000])
    func `what is to be forgotten is found by the time of its end, and forgotten by its key`(rows: Int) async throws {
        try await withCluster { cluster in
            let id = try await cluster.ended(1)[0]
            try await cluster.multiplyHistory(to: rows)
            try await cluster.execute("ANALYZE TABLE finished_operations")
            let found = try await cluster.explain(
                HistoryStatements.outlivedQuery(endedBefore: Timestamp(microseconds: 0), limit: 500)
            )
            #expect(found.count == 1 && found.allSatisfy { $0.key == "finished_by_end" && $0.type == "range" })
            #expect(found.allSatisfy { !$0.sorts })
            let deleted = try await cluster.explain("DELETE FROM finished_operations WHERE id = \(id)")
            #expect(deleted.allSatisfy { $0.key == "PRIMARY" && $0.type == "range" })
        }
    }

    @Test func `two clocks that are wrong together forget no more than a share of history in an hour`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.ended(1)
            try await cluster.multiplyHistory(to: 2400)
            let month: Duration = .seconds(30 * 86_400)
            try await cluster.execute("UPDATE finished_operations SET finished_at = NOW(6) - INTERVAL 40 DAY")
            let keepers = (0..<3).map { _ in
                HistoryKeeper(database: cluster.database, retention: month, logger: .silent)
            }
            func forgetAll() async throws -> Int {
                var total = 0
                for _ in 0..<3 { for keeper in keepers { total += try await keeper.forgetBatch() } }
                return total
            }
            #expect(try await forgetAll() == 200)
            #expect(try await forgetAll() == 0, "the hour is not over")
            try await cluster.execute("UPDATE history_allowance SET began_at = began_at - INTERVAL 59 MINUTE")
            #expect(try await forgetAll() == 0, "nor now")
            try await cluster.execute("UPDATE history_allowance SET began_at = began_at - INTERVAL 1 MINUTE")
            #expect(try await forgetAll() == 184, "a twelfth of 2200")
        }
    }

    @Test func `history is forgotten by a clock that two machines agree upon to a minute`() throws {
        let here = Timestamp(microseconds: 1_000_000_000_000)
        func later(_ seconds: Double) -> Timestamp {
            Timestamp(microseconds: here.microseconds + Int64(seconds * 1_000_000))
        }
        for seconds in [-59.0, 0, 59] { try ClocksDisagree.check(later(seconds), between: here, and: here) }
        try ClocksDisagree.check(later(62), between: here, and: later(10))
        for seconds: Double in [-3600, -61, 61, 40 * 86_400] {
            #expect(throws: ClocksDisagree.self) { try ClocksDisagree.check(later(seconds), between: here, and: here) }
        }
        #expect("\(ClocksDisagree(seconds: -61.04))".contains("61.0 s behind this machine's"))
    }

    @Test func `an hour's allowance is a twelfth of history, and twice what ends in an hour if that is more`() {
        let (now, hour) = (Timestamp(microseconds: 1_000_000_000_000), Duration.seconds(3600))
        func allowed(_ size: Int, _ retention: Duration) -> Int {
            HistoryAllowance(of: size, retention: retention, at: now).operations
        }
        #expect(allowed(7200, hour * 720) == 600 && allowed(1, hour * 720) == 1 && allowed(0, hour) == 0)
        #expect(allowed(7200, hour * 12) == 1200 && allowed(7200, hour) == 7200)
        let allowance = HistoryAllowance(of: 1, retention: hour, at: now)
        func isCurrent(_ minutes: Int64) -> Bool {
            allowance.isCurrent(at: Timestamp(microseconds: now.microseconds + minutes * 60_000_000))
        }
        #expect(isCurrent(0) && isCurrent(59) && !isCurrent(60) && !isCurrent(-1))
    }

    @Test func `forgetting takes a tenth of the time, and rests when nothing is left`() {
        let full = HistoryPace.pause(afterForgetting: HistoryStatements.batch, in: .milliseconds(30), random: 0)
        #expect(full == .milliseconds(270))
        #expect(HistoryPace.pause(afterForgetting: 3, in: .seconds(1), random: 0) == .seconds(150))
        #expect(HistoryPace.pause(afterForgetting: 0, in: .zero, random: 1) == .seconds(450))
    }
}

extension TestCluster {
    /// Keeps history for an hour.
    fileprivate var keeper: HistoryKeeper {
        HistoryKeeper(database: database, retention: .seconds(3600), logger: .silent)
    }

    /// Operations that have completed.
    fileprivate func ended(_ count: Int) async throws -> [OperationID] {
        let ids = try await enqueueEach(OperationRequest(tasks: [BuiltInTask.noop.name]), count: count)
        var worker = try worker()
        _ = try await worker.drain()
        return ids
    }

    fileprivate func age(_ id: OperationID, by interval: SQL) async throws {
        try await execute(
            """
            UPDATE finished_operations SET finished_at = NOW(6) - INTERVAL \(sql: interval) WHERE id = \(id)
            """
        )
    }

    /// Copies the only operation of history until there are as many.
    fileprivate func multiplyHistory(to count: Int) async throws {
        let columns: SQL = """
            kind, tasks, queue_name, lane, requester, max_attempts, state, enqueued_at, ready_at, deliveries,
            failures, defer_count, finished_at
            """
        try await execute(
            """
            INSERT INTO finished_operations (id, \(sql: columns))
            SELECT UUID(), \(sql: columns) FROM finished_operations, seq_1_to_20000 WHERE seq < \(count)
            """
        )
    }
}
