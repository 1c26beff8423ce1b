import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import MariaDB

/// The statements that go to the server and back, one after the other, on the path of an operation.
struct RoundTripsBench {
    private let batch = 100
    /// In the first rounds the connection changes from statements to transactions, and statements are prepared.
    private let rounds = 3

    func measure(on server: PrivateServer) async throws -> [Figure] {
        let (batch, rounds) = (batch, rounds)
        return try await withCluster(connections: 1, on: server) { cluster in
            let request = OperationRequest(tasks: [BuiltInTask.noop.name])
            try await cluster.addNode("h1")
            var worker = try cluster.worker("h1")
            try await worker.join()
            var (enqueue, claim, settle) = (0, 0, 0)
            for _ in 0..<rounds {
                var before = try await cluster.questions()
                _ = try await cluster.queue.enqueue(request)
                enqueue = try await cluster.questions() - before - 1
                _ = try await cluster.queue.enqueue(request, count: batch - 1)
                before = try await cluster.questions()
                let claims = try await worker.claim(batch)
                claim = try await cluster.questions() - before - 1
                before = try await cluster.questions()
                let settled = try await worker.settle(claims, .succeeded(result: nil)).settled.count
                settle = try await cluster.questions() - before - 1
                precondition(settled == batch, "a round ends all that it has enqueued")
            }
            return [
                Figure("enqueue: round trips", Double(enqueue), "", .atMost(2)),
                Figure("claim of \(batch) with its look: round trips", Double(claim), "", .atMost(4)),
                Figure("end of \(batch): round trips", Double(settle), "", .atMost(5)),
            ]
        }
    }
}

extension TestCluster {
    /// Counts the statements of the one connection so far, in a transaction: that leaves the connection as the path of
    /// an operation finds it, and has nothing to commit.
    fileprivate func questions() async throws -> Int {
        try await database.withTransaction { transaction in
            try Int(transaction.query("SHOW SESSION STATUS LIKE 'Questions'")[0].decode((String, String).self).1) ?? 0
        }
    }
}
