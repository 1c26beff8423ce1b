import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

@Suite(.timeLimit(.minutes(15))) struct CancelManyTests {
    private let noop = BuiltInTask.noop.name

    private func selector(_ pattern: String) throws -> OperationSelector {
        var selector = OperationSelector()
        selector.queue = try QueuePattern(pattern)
        return selector
    }

    @Test func `all that is selected is cancelled in bounded batches, and nothing else`() async throws {
        try await withCluster { cluster in
            let background = OperationRequest(tasks: [noop], lane: .background)
            _ = try await cluster.queue.enqueue(background, count: 10_000)
            let other = try await cluster.queue.enqueue(OperationRequest(tasks: [noop])).uuid
            let selector = try selector("*-background")
            #expect(try await cluster.queue.count(selector, for: .cancel).states == [.queued: 10_000])
            var steps: [Int] = []
            let done = try await cluster.queue.cancelAll(selector) { steps.append($0.cancelled) }
            #expect(done.cancelled == 10_000 && done.interrupted == 0 && done.aborted == 0)
            #expect(steps == Array(stride(from: 500, through: 10_000, by: 500)))
            #expect(try await cluster.count("SELECT COUNT(*) FROM work_queue") == 1)
            #expect(try await cluster.operation(other).state == .queued)
            #expect(try await cluster.queue.count(selector, for: .cancel).total == 0)
            #expect(
                try await cluster.count(
                    "SELECT COUNT(*) FROM finished_operations WHERE state = 'cancelled' AND cancel_requester = 'test'"
                ) == 10_000
            )
        }
    }

    @Test func `dependents end, followers come back, and who runs is told once`() async throws {
        try await withCluster { cluster in
            let dnsmasq = BuiltInTask.networkApplyUpdateDNSMasq.name
            let folded = try await cluster.enqueue(dnsmasq, on: "blue", lanes: [.background, .background, .background])
            let waiting = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], lane: .background)).uuid
            let child = try await cluster.queue.enqueue(OperationRequest(tasks: [noop], dependsOn: [waiting])).uuid
            var worker = try cluster.worker(queues: ["networknode-background"])
            let claims = try await worker.claim()
            let primary = try #require(claims.first?.operation.id)
            let selector = try selector("*-background")
            let count = try await cluster.queue.count(selector, for: .cancel)
            #expect(count.states == [.executing: 1, .folded: 2, .queued: 1])
            let done = try await cluster.queue.cancelAll(selector)
            // A follower is cancelled alone; its primary is interrupted by its worker.
            #expect(done.interrupted == 1 && done.cancelled == 3 && done.aborted == 1, "\(done)")
            #expect(try await cluster.operation(child).state == .aborted)
            #expect(try await cluster.operation(primary).cancelRequester == "test")
            for id in folded where id != primary { #expect(try await cluster.operation(id).state == .cancelled) }
            #expect(try await cluster.queue.cancelAll(selector).requested == 0, "nobody is told twice")
            try await worker.settle(claims, .handedBack)
            #expect(try await cluster.operation(primary).state == .cancelled)
        }
    }

    @Test func `an operation is checked again under its lock: what has left the selection stays`() async throws {
        try await withCluster { cluster in
            let ids = try await (0..<3).asyncMap { _ in
                try await cluster.queue.enqueue(OperationRequest(tasks: [noop], lane: .background)).uuid
            }
            let selector = try selector("*-background")
            // A request has moved one to a better lane since it was found, and another one has ended.
            try await cluster.execute(
                "UPDATE work_queue SET lane = 'user_facing', queue_name = 'any-user_facing' WHERE id = \(ids[0])"
            )
            _ = try await cluster.queue.cancel(ids[1])
            let locked = try await cluster.database.withTransaction { transaction in
                try CancelStatements.lock(ids, selectedBy: selector, in: transaction).map(\.id)
            }
            #expect(locked == [ids[2]])
        }
    }

    @Test func `two who cancel the same, and a third who enqueues, leave each operation ended once`() async throws {
        try await withCluster { cluster in
            let request = OperationRequest(tasks: [noop], lane: .background)
            _ = try await cluster.queue.enqueue(request, count: 3000)
            let selector = try selector("*-background")
            async let one = cluster.queue.cancelAll(selector)
            async let two = cluster.queue.cancelAll(selector)
            async let more = cluster.queue.enqueue(request, count: 100)
            _ = try await more
            let (first, second) = try await (one, two)
            let left = try await cluster.count("SELECT COUNT(*) FROM work_queue")
            #expect(first.cancelled + second.cancelled + left == 3100)
            #expect(try await cluster.count("SELECT COUNT(*) FROM finished_operations") == 3100 - left)
        }
    }

    @Test func `of operations that wait for many others, a transaction cancels as many as it affords`() async throws {
        try await withCluster { cluster in
            let first = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]), count: 300)
            let parents = try await cluster.database.withSession { session in
                try session.query("SELECT id FROM work_queue").map { try $0.only(OperationID.self) }
            }
            #expect(parents.contains(first))
            for _ in 0..<4 {
                let request = OperationRequest(tasks: [noop], lane: .background, dependsOn: parents)
                _ = try await cluster.queue.enqueue(request)
            }
            var steps = 0
            let done = try await cluster.queue.cancelAll(try selector("*-background")) { _ in steps += 1 }
            #expect(done.cancelled == 4 && steps == 4, "300 edges each, 500 a transaction")
            #expect(try await cluster.count("SELECT COUNT(*) FROM operation_dependencies") == 0)
        }
    }

    @Test(arguments: [30, 100_000])
    func `what is selected is found by an index, and locked by primary key`(rows: Int) async throws {
        try await withCluster { cluster in
            let request = OperationRequest(tasks: [noop], lane: .background)
            _ = try await cluster.queue.enqueue(request, count: rows)
            let labelled = OperationRequest(tasks: [noop], labels: [try OperationLabel("release=42")])
            let ids = try await (0..<20).asyncMap { _ in try await cluster.queue.enqueue(labelled).uuid }
            for table: SQL in ["work_queue", "operation_labels"] {
                _ = try await cluster.database.withSession { try $0.query("ANALYZE TABLE \(sql: table)") }
            }
            let lock = try await cluster.explain(CancelStatements.lockQuery(ids, selectedBy: try selector("any-*")))
            #expect(lock.map(\.key) == ["PRIMARY"] && lock.allSatisfy { $0.type == "range" && !$0.sorts }, "\(lock)")
            var byLabel = OperationSelector()
            byLabel.labels = [try OperationLabel("release=42")]
            let query = OperationListStatements.liveQuery(
                OperationFilter(byLabel, purpose: .cancel),
                after: nil,
                by: "PRIMARY",
                among: try OperationLabel("release=42")
            )
            let plan = try await cluster.explain(query)
            #expect(plan.contains { $0.key == "operations_by_label" }, "\(plan)")
            let walks = plan.filter { ($0.type == "ALL" || $0.type == "index") && $0.table?.hasPrefix("<") != true }
            #expect(walks.isEmpty, "\(plan)")
            // The rows that are really read are those of the label, not those of the backlog.
            let read = try await cluster.database.withSession { [byLabel] session in
                let before = try session.rowsRead()
                let found = try OperationListStatements.live(OperationFilter(byLabel), after: nil, on: session)
                #expect(found.keys.count == 20)
                return try session.rowsRead() - before
            }
            #expect(read < 500, "\(read) rows read")
        }
    }
}

extension Sequence {
    /// Maps one by one.
    func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
