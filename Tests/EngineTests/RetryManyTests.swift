import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct RetryManyTests {
    private let noop = BuiltInTask.noop.name

    private var failed: OperationSelector {
        var selector = OperationSelector()
        selector.states = [.error]
        selector.errorCode = "boom"
        return selector
    }

    private var withDependents: RetryOptions {
        var options = RetryOptions()
        options.withDependents = true
        return options
    }

    /// Enqueues operations that fail, each with a chain of dependents that are aborted with it.
    private func fail(_ count: Int, dependents: Int, on cluster: TestCluster) async throws -> [[OperationID]] {
        var chains: [[OperationID]] = []
        var requests: [OperationRequest] = []
        for _ in 0..<count {
            let chain = (0...dependents).map { _ in OperationID.new() }
            chains.append(chain)
            requests += chain.enumerated().map { place, id in
                OperationRequest(tasks: [noop], id: id, dependsOn: place == 0 ? [] : [chain[place - 1]])
            }
        }
        _ = try await cluster.queue.submit(requests)
        var worker = try cluster.worker()
        while true {
            let claims = try await worker.claim(200)
            guard !claims.isEmpty else { break }
            // The last attempt of each.
            try await cluster.execute("UPDATE work_queue SET failures = max_attempts - 1 WHERE state = 'executing'")
            try await worker.settle(claims, .failed(OperationFailure(code: "boom", message: "boom")))
        }
        while try await cluster.database.withTransaction({ try Ending.goOn(in: $0) != nil }) {}
        return chains
    }

    @Test func `a thousand failed operations come back with their dependents, in order`() async throws {
        try await withCluster { cluster in
            _ = try await fail(1000, dependents: 2, on: cluster)
            let ended: SQL = "SELECT COUNT(*) FROM finished_operations WHERE state"
            #expect(try await cluster.count("\(sql: ended) = 'error'") == 1000)
            #expect(try await cluster.count("\(sql: ended) = 'aborted'") == 2000)
            #expect(try await cluster.queue.count(failed, for: .retry).states == [.error: 1000])
            var steps = 0
            let done = try await cluster.queue.retryAll(failed, withDependents) { _ in steps += 1 }
            #expect(done.retried == 1000 && done.dependents == 2000 && done.refused == 0 && done.earlier == 0)
            #expect(steps == 6, "500 a transaction")
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE state = 'queued'") == 1000)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue WHERE state = 'blocked'") == 2000)
            // Each new dependent waits for the retry of what the old one waited for.
            #expect(
                try await cluster.count(
                    """
                    SELECT COUNT(*) FROM work_queue AS w JOIN operation_dependencies AS e ON e.dependent = w.id
                        JOIN retries AS r ON r.retried_as = e.dependency
                        JOIN finished_operations AS f ON f.id = w.retry_of
                    WHERE f.depends_on = CONCAT('["', r.operation, '"]')
                    """
                ) == 2000
            )
            let again = try await cluster.queue.retryAll(failed, withDependents)
            #expect(again.retried == 0 && again.dependents == 0 && again.earlier == 1000)
            var worker = try cluster.worker()
            let ran = try await worker.drain().count
            #expect(ran == 3000)
        }
    }

    @Test func `an interrupted retry leaves whole batches, and the same again goes on`() async throws {
        try await withCluster { cluster in
            _ = try await fail(700, dependents: 1, on: cluster)
            let ids = try await cluster.database.withSession { session in
                try session.query("SELECT id FROM finished_operations WHERE state = 'error' LIMIT 500")
                    .map { try $0.only(OperationID.self) }
            }
            // As a kill after the first transaction: one batch of those that failed is retried, no dependent.
            _ = try await cluster.queue.retryBatch(ids)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 500)
            let done = try await cluster.queue.retryAll(failed, withDependents)
            #expect(done.retried == 200 && done.earlier == 500 && done.dependents == 700)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 1400)
            #expect(try await cluster.count("SELECT COUNT(DISTINCT retry_of) FROM work_queue") == 1400)
        }
    }

    @Test func `an operation is retried once, by whomever, unless it is forced`() async throws {
        try await withCluster { cluster in
            let id = try await fail(1, dependents: 0, on: cluster)[0][0]
            let outcomes = await withTaskGroup(of: OperationReceipt?.self) { group in
                for _ in 0..<8 { group.addTask { try? await cluster.queue.retry(id) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let first = try #require(outcomes.compactMap(\.self).first)
            #expect(outcomes.compactMap(\.self).count == 1)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 1)
            let refusal = await #expect(throws: ClusterOpsError.self) { try await cluster.queue.retry(id) }
            #expect(refusal?.code == .conflict && refusal?.message.contains("\(first.uuid)") == true)
            // Also when the retry has ended, which would be the one to retry.
            _ = try await cluster.queue.cancel(first.uuid)
            await #expect(throws: ClusterOpsError.self) { try await cluster.queue.retry(id) }
            let second = try await cluster.queue.retry(id, repeating: true)
            let latest = try await cluster.database.withSession { try RetryStatements.retries(ofAll: [id], on: $0) }
            #expect(latest == [id: second.uuid])
            #expect(try await cluster.queue.retry(first.uuid).state == .queued)
        }
    }

    @Test func `two who retry the same selection retry each operation once`() async throws {
        try await withCluster { cluster in
            _ = try await fail(600, dependents: 1, on: cluster)
            async let one = cluster.queue.retryAll(failed, withDependents)
            async let two = cluster.queue.retryAll(failed, withDependents)
            let (first, second) = try await (one, two)
            #expect(first.retried + second.retried == 600)
            #expect(first.dependents + second.dependents == 600)
            #expect(first.refused + second.refused == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 1200)
            #expect(try await cluster.count("SELECT COUNT(DISTINCT retry_of) FROM work_queue") == 1200)
        }
    }

    @Test func `a dependent of two that failed comes back with the second of them`() async throws {
        try await withCluster { cluster in
            let parents = try await fail(2, dependents: 0, on: cluster).map { $0[0] }
            let child = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: parents)).uuid
            #expect(try await cluster.operation(child).state == .aborted)
            let one = try await cluster.queue.retryAll([parents[0]], withDependents)
            #expect(one.retried == 1 && one.dependents == 0 && one.refused == 1)
            #expect(one.reasons.first?.reason.message.contains("\(parents[1])") == true)
            let two = try await cluster.queue.retryAll([parents[1], child], RetryOptions())
            #expect(two.retried == 2 && two.refused == 0)
            let new = try await cluster.database.withSession { session in
                try RetryStatements.retries(ofAll: parents + [child], on: session)
            }
            let newChild = try #require(new[child])
            let operation = try await cluster.operation(newChild)
            #expect(operation.state == .blocked && operation.retryOf == child)
            #expect(operation.dependsOn == parents.compactMap { new[$0] })
        }
    }

    @Test func `labels go with the retry, and all that is noted of an operation goes with history`() async throws {
        try await withCluster { cluster in
            let label = try OperationLabel("release=42")
            let id = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], labels: [label])).uuid
            let child = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [id])).uuid
            _ = try await cluster.queue.cancel(id)
            let done = try await cluster.queue.retryAll([id], withDependents)
            #expect(done.retried == 1 && done.dependents == 1)
            let new = try #require(done.first.first { $0.old == id }?.receipt.uuid)
            #expect(try await cluster.operation(new).labels == ["release": "42"])
            #expect(try await cluster.operation(id).labels == ["release": "42"])
            try await cluster.database.withTransaction { try HistoryStatements.delete([id, child], in: $0) }
            #expect(try await cluster.count("SELECT COUNT(*) FROM retries") == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM aborted_dependents") == 0)
            #expect(try await cluster.count("SELECT COUNT(*) FROM operation_labels") == 1)
        }
    }

    @Test func `a claim knows the labels, and a request with labels adopts nothing`() async throws {
        try await withCluster { cluster in
            try await cluster.addNetwork("blue")
            let dnsmasq = BuiltInTask.networkApplyUpdateDNSMasq.name
            var request = OperationRequest(tasks: [dnsmasq], target: .init(network: try NetworkName("blue")))
            let plain = try await cluster.queue.enqueue(request)
            request.labels = [try OperationLabel("a=1"), try OperationLabel("b=")]
            let labelled = try await cluster.queue.enqueue(request)
            #expect(labelled.uuid != plain.uuid && !labelled.deduplicated)
            var worker = try cluster.worker()
            let claims = try await worker.claim()
            #expect(claims.map(\.operation.labels) == [[:]])
            // It is folded all the same: a follower keeps its own row.
            #expect(try await cluster.operation(labelled.uuid).foldedInto == plain.uuid)
            #expect(try await cluster.operation(labelled.uuid).labels == ["a": "1", "b": ""])
            let other = try await cluster.queue.enqueue(
                OperationRequest(tasks: [noop], labels: [try OperationLabel("c=3")])
            )
            let next = try await worker.claim()
            #expect(next.map(\.operation.id) == [other.uuid] && next.map(\.operation.labels) == [["c": "3"]])
        }
    }

    @Test(arguments: [30, 100_000])
    func `what is to be retried is held and found by primary keys`(rows: Int) async throws {
        try await withCluster { cluster in
            let ids = try await fail(20, dependents: 0, on: cluster).map { $0[0] }
            try await cluster.fill(
                """
                INSERT INTO finished_operations (id, kind, tasks, queue_name, lane, requester, max_attempts, state,
                    enqueued_at, ready_at, deliveries, failures, defer_count, finished_at)
                SELECT CONCAT('0190163d-8694-739b-aea5-', LPAD(HEX(seq), 12, '0')), 'command', '["noop"]',
                    'any-user_facing', 'user_facing', 'test', 1, 'complete', NOW(6), NOW(6), 1, 0, 0, NOW(6)
                FROM seq_1_to_200000 WHERE seq <= \(rows)
                """
            )
            try await cluster.fill("INSERT INTO aborted_dependents SELECT id, UUID() FROM finished_operations")
            for table: SQL in ["finished_operations", "aborted_dependents"] {
                _ = try await cluster.database.withSession { try $0.query("ANALYZE TABLE \(sql: table)") }
            }
            let held = try await cluster.explain(RetryStatements.holdQuery(ids))
            #expect(held.map(\.key) == ["PRIMARY"] && held.allSatisfy { $0.type == "range" && !$0.sorts }, "\(held)")
            let read = try await cluster.database.withSession { session in
                let before = try session.rowsRead()
                let found = try RetryStatements.aborted(with: ids, limit: 1000, on: session)
                #expect(found.count == 20)
                return try session.rowsRead() - before
            }
            #expect(read < 100, "\(read) rows read")
        }
    }
}
