import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct SettleTests {
    @Test func `a batch of ends is one transaction, and moves every row to history`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 10)
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            let result = try await worker.settle(claims, .succeeded(result: nil))
            #expect(result.settled.count == 10 && result.ended.count == 10)
            #expect(try await cluster.count("SELECT COUNT(DISTINCT finished_at) FROM finished_operations") == 1)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 0)
            let ended = try await cluster.operation(claims[0].operation.id)
            #expect(ended.state == .complete && ended.attempts == 1 && ended.worker?.node.description == "h1")
        }
    }

    /// As a transaction would find it whose locks were lost, and whose server has not said so.
    @Test func `what was begun is not begun once more, and what is not in history does not leave the queue`()
        async throws
    {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]))
            var worker = try cluster.worker()
            let ids = try await worker.claim().map(\.operation.id)
            let identity = worker.identity
            let refusals = try await cluster.database.withTransaction { transaction in
                [
                    Self.isRefused { () throws(DatabaseError) in
                        try ClaimStatements.start(ids, by: identity, at: .init(microseconds: 1), in: transaction)
                    },
                    Self.isRefused { () throws(DatabaseError) in
                        try EndingStatements.delete(ids, in: transaction)
                    },
                ]
            }
            #expect(ids.count == 1 && refusals == [true, true])
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE deliveries = 1") == 1)
        }
    }

    private static func isRefused(_ statement: () throws(DatabaseError) -> Void) -> Bool {
        do {
            try statement()
            return false
        } catch {
            return error.code == .snapshotConflict
        }
    }

    @Test func `an outcome of a claim that is no longer ours changes nothing`() async throws {
        try await withCluster { cluster in
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name])).uuid
            var zombie = try cluster.worker("h1")
            let stale = try await zombie.claim()
            try await zombie.settle(stale, .handedBack)
            var other = try cluster.worker("h2")
            let fresh = try await other.claim()
            #expect(fresh[0].operation.deliveries == 2)
            #expect(try await zombie.settle(stale, .succeeded(result: nil)).superseded == [id])
            #expect(try await cluster.operation(id).state == .executing)
            // The same session again, with an older delivery: the delivery is half of the fence.
            let older = Settling.Entry(id: id, delivery: 1, report: .succeeded(result: nil))
            let result = try await other.settling.settle([older], of: other.identity.session)
            #expect(result.superseded == [id])
            // Another session with the right delivery: the session is the other half.
            let foreign = Settling.Entry(id: id, delivery: 2, report: .succeeded(result: nil))
            #expect(try await zombie.settling.settle([foreign], of: zombie.identity.session).superseded == [id])
            #expect(try await other.settle(fresh, .succeeded(result: nil)).settled == [id])
        }
    }

    @Test func `a row that somebody holds goes into the next batch, and holds up no other`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 3)
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            let held = claims[1].operation.id
            let holder = try await Connection.open(cluster.configuration)
            let (settling, entries, session) = (
                worker.settling,
                claims.map {
                    Settling.Entry(
                        id: $0.operation.id,
                        delivery: $0.operation.deliveries,
                        report: .succeeded(result: nil)
                    )
                }, worker.identity.session
            )
            let result = try await holder.withTransaction { transaction in
                _ = try transaction.query("SELECT id FROM work_queue WHERE id = \(held) FOR UPDATE")
                return try blocking { try await settling.settle(entries, of: session) }
            }
            #expect(result.locked == [held] && result.settled.count == 2)
            #expect(try await worker.settle([claims[1]], .succeeded(result: nil)).settled == [held])
            await holder.close()
        }
    }

    @Test func `an entry that the database refuses stands alone in the end`() async throws {
        try await withCluster { cluster in
            _ = try await cluster.queue.enqueue(OperationRequest(tasks: [BuiltInTask.noop.name]), count: 8)
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            let bad = claims[5].operation.id
            // Another operation of the id is in history already, as no code of ours can make it.
            try await cluster.execute(
                """
                INSERT INTO finished_operations (id, kind, tasks, queue_name, lane, requester, max_attempts, state,
                    enqueued_at, ready_at, deliveries, failures, defer_count, finished_at)
                VALUES (\(bad), 'command', '["noop"]', 'any-background', 'background', 't', 1, 'complete', NOW(6), NOW(6),
                    1, 0, 0, NOW(6))
                """
            )
            let result = try await worker.settle(claims, .succeeded(result: nil))
            #expect(result.settled.count == 7)
            #expect(Array(result.refused.keys) == [bad])
        }
    }

    @Test func `a failed attempt comes back after a pause that grows, a deferral without counting`() async throws {
        try await withCluster { cluster in
            try await cluster.register("reboot", attempts: 2)
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [try TaskName("reboot")])).uuid
            var worker = try cluster.worker(commands: ["reboot"])
            try await worker.settle(try await worker.claim(), .deferred)
            var operation = try await cluster.operation(id)
            #expect(operation.state == .queued && operation.failures == 0 && operation.deferCount == 1)
            #expect(try #require(pause(before: operation)) >= 0.5)
            try await cluster.makeReady()
            try await worker.settle(try await worker.claim(), .failed(.init(code: "x", message: "first")))
            operation = try await cluster.operation(id)
            #expect(operation.failures == 1 && operation.attemptHistory.map(\.outcome) == [.deferred, .failed])
            #expect(try #require(pause(before: operation)) >= 0.5)
            try await cluster.makeReady()
            try await worker.settle(try await worker.claim(), .failed(.init(code: "x", message: "second")))
            operation = try await cluster.operation(id)
            #expect(operation.state == .error && operation.error?.message == "second" && operation.attempts == 2)
            let first = Backoff.retry.pause(after: 1, random: 1)
            #expect(Backoff.retry.pause(after: 3, random: 1) == first * 4)
            #expect(Backoff.retry.pause(after: 50, random: 1) == .seconds(60))
            #expect(Backoff.retry.pause(after: 1, random: 0) == first / 2)
        }
    }

    /// The seconds between the last attempt's end and the moment from which the next one may begin.
    private func pause(before operation: Operation) -> Double? {
        operation.attemptHistory.last.map { operation.readyAt.seconds(since: $0.endedAt) }
    }

    @Test func `an operation whose deadline comes before its next attempt ends in error`() async throws {
        try await withCluster { cluster in
            let request = OperationRequest(tasks: [BuiltInTask.noop.name], deadline: .milliseconds(100))
            let id = try await cluster.queue.enqueue(request).uuid
            var worker = try cluster.worker()
            try await worker.settle(try await worker.claim(), .deferred)
            let operation = try await cluster.operation(id)
            #expect(operation.state == .error && operation.error?.code == "deadline_passed")
        }
    }
}
