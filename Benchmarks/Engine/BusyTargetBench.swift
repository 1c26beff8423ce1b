import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import MariaDB
import Measurement

/// Ten thousand operations of a target that is busy, in front of one of a target that is free.
struct BusyTargetBench {
    private let waiting = 10_000
    private let rounds = 30

    func measure(on server: PrivateServer) async throws -> [Figure] {
        let (waiting, rounds) = (waiting, rounds)
        return try await withCluster(on: server) { cluster in
            for name in ["busy", "free"] { try await cluster.addNetwork(name) }
            let task = BuiltInTask.networkRemoveDHCPLease.name
            let free = OperationRequest(tasks: [task], target: .init(network: try NetworkName("free")))
            var worker = try cluster.worker("h1")
            func claimOne() async throws -> (cost: Duration, isFree: Bool) {
                let id = try await cluster.queue.enqueue(free).uuid
                let begin = ContinuousClock.now
                let claims = try await worker.claim(10)
                let cost = ContinuousClock.now - begin
                try await worker.settle(claims, .succeeded(result: nil))
                return (cost, claims.map(\.operation.id) == [id])
            }
            var (empty, behind) = (Distribution(), Distribution())
            for _ in 0..<rounds { empty.add(try await claimOne().cost) }
            let busy = OperationRequest(tasks: [task], target: .init(network: try NetworkName("busy")))
            _ = try await cluster.queue.enqueue(busy, count: waiting + 1)
            var holder = try cluster.worker("h2")
            let running = try await holder.claim(1)
            var missed = running.count == 1 ? 0 : rounds
            for _ in 0..<rounds {
                let (cost, isFree) = try await claimOne()
                behind.add(cost)
                if !isFree { missed += 1 }
            }
            return [
                Figure("claim in an empty lane", empty.median, "ms"),
                Figure("claim behind \(waiting) of a busy target", behind.median, "ms"),
                Figure("busy target: not started at once", Double(missed), "", .atMost(0)),
                Figure("busy target against empty lane", behind.median / empty.median, "x", .atMost(10)),
            ]
        }
    }
}
