import ClusterOpsTestKit
import MariaDB
import Testing

@testable import ClusterEngine
@testable import ClusterModel
@testable import ClusterStore

/// The number of statements that go to the server and back on the path of an operation: with a network in between they
/// are its time.
@Suite(.timeLimit(.minutes(15))) struct RoundTripTests {
    private let noop = BuiltInTask.noop.name

    @Test func `an enqueue takes two round trips, a claim four with its look, and the end of a batch five`()
        async throws
    {
        let size = 100
        try await withCluster(connections: 1) { cluster in
            try await cluster.addNode("h1")
            var worker = try cluster.worker("h1")
            try await worker.join()
            var sent = (enqueue: 0, claim: 0, settle: 0)
            // In the first rounds the connection changes from statements to transactions.
            for _ in 0..<3 {
                sent.enqueue = try await cluster.sent {
                    _ = try await cluster.queue.enqueue(OperationRequest(tasks: [noop]))
                }
                try await cluster.addWaiting(size - 1, tasks: [noop])
                let claims = Locked<[Claim]>([])
                let (claiming, settled) = (Locked(worker), Locked(0))
                sent.claim = try await cluster.sent {
                    var worker = claiming.value
                    // As many look: the whole queue is within one.
                    let claimed = try await worker.claim(size)
                    claims.update { $0 = claimed }
                    let now = worker
                    claiming.update { $0 = now }
                }
                worker = claiming.value
                let (settling, session) = (worker.settling, worker.identity.session)
                let entries = claims.value.map {
                    Settling.Entry(
                        id: $0.operation.id,
                        delivery: $0.operation.deliveries,
                        report: .succeeded(result: nil)
                    )
                }
                sent.settle = try await cluster.sent {
                    let result = try await settling.settle(entries, of: session)
                    settled.update { $0 = result.settled.count }
                }
                #expect(claims.value.count == size && settled.value == size)
            }
            #expect(sent.enqueue <= 2, "INSERT, COMMIT")
            #expect(sent.claim <= 4, "look, lock, UPDATE, COMMIT")
            #expect(sent.settle <= 5, "lock, followers and dependents, INSERT, DELETE, COMMIT")
        }
    }

    @Test func `all that requests name is looked up in one round trip, however much that is`() async throws {
        try await withCluster(connections: 1) { cluster in
            let network = try NetworkName("blue")
            try await cluster.addNetwork("blue")
            for number in 1...40 { try await cluster.addNode("h\(number)") }
            try await cluster.execute(
                """
                INSERT INTO registered_tasks
                    (name, node, kind, coalescible, max_attempts, timeout_microseconds, registered_at)
                SELECT 'backup', id, 'command', FALSE, 3, 60000000, NOW(6) FROM nodes
                """
            )
            func requests(_ nodes: ClosedRange<Int>) throws -> [OperationRequest] {
                try nodes.map { number in
                    let target = OperationRequest.Target(network: network, node: try NodeName("h\(number)"))
                    return OperationRequest(tasks: [try TaskName("backup")], target: target)
                }
            }
            var (one, few, many) = (0, 0, 0)
            // In the first rounds the connection changes from statements to transactions.
            for _ in 0..<3 {
                one = try await cluster.sent { _ = try await cluster.queue.enqueue(try requests(1...1)[0]) }
                few = try await cluster.sent { _ = try await cluster.queue.submit(try requests(1...2)) }
                many = try await cluster.sent { _ = try await cluster.queue.submit(try requests(1...32)) }
            }
            #expect(one <= 4, "look up, hold the node, INSERT, COMMIT")
            #expect(few == many, "rows go together by powers of two")
            await #expect(throws: ClusterOpsError(.notFound, "there is no node 'h77'")) {
                try await cluster.queue.submit(try requests(1...1) + (try requests(77...77)))
            }
        }
    }
}

extension TestCluster {
    /// Enqueues operations in one call, on the one connection.
    fileprivate func addWaiting(_ count: Int, tasks: [TaskName]) async throws {
        _ = try await queue.enqueue(OperationRequest(tasks: tasks), count: count)
    }

    /// Counts the statements that the one connection sends while a body runs.
    fileprivate func sent(_ body: () async throws -> Void) async throws -> Int {
        let before = try await questions()
        try await body()
        // Less the second count.
        return try await questions() - before - 1
    }

    /// In a transaction, which leaves the connection as the path of an operation finds it; it has nothing to commit.
    private func questions() async throws -> Int {
        try await database.withTransaction { transaction in
            try Int(transaction.query("SHOW SESSION STATUS LIKE 'Questions'")[0].decode((String, String).self).1) ?? 0
        }
    }
}
