import ClusterOpsTestKit
import Logging
import MariaDB
import Testing

@testable import ClusterOps

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

    @Test func `no transaction forgets more than a batch, and two at once share the rest`() async throws {
        try await withCluster { cluster in
            let count = HistoryStatements.batch * 3 + 1
            _ = try await cluster.ended(1)
            try await cluster.multiplyHistory(to: count)
            try await cluster.execute("UPDATE finished_operations SET finished_at = NOW(6) - INTERVAL 2 HOUR")
            let keeper = cluster.keeper
            async let first = keeper.forgetBatch()
            async let second = keeper.forgetBatch()
            let counts = try await [first, second]
            #expect(counts == [HistoryStatements.batch, HistoryStatements.batch])
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
            let found = try await cluster.explain(HistoryStatements.outlivedQuery(.seconds(3600)))
            #expect(found.count == 1 && found.allSatisfy { $0.key == "finished_by_end" && $0.type == "range" })
            #expect(found.allSatisfy { !$0.sorts })
            let deleted = try await cluster.explain("DELETE FROM finished_operations WHERE id = \(id)")
            #expect(deleted.allSatisfy { $0.key == "PRIMARY" && $0.type == "range" })
        }
    }

    @Test func `forgetting takes a tenth of the time, and rests when nothing is left`() {
        let full = HistoryPace.pause(afterForgetting: HistoryStatements.batch, in: .milliseconds(30), random: 0)
        #expect(full == .milliseconds(270))
        #expect(HistoryPace.pause(afterForgetting: 3, in: .seconds(1), random: 0) == .seconds(30))
        #expect(HistoryPace.pause(afterForgetting: 0, in: .zero, random: 1) == .seconds(90))
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
