import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB

/// Few and many claimers of one queue: what they take together, and how often one comes away with nothing although
/// the backlog is long.
///
/// A claimer has one slot and no connection of its own: claims wait for the server, and not for each other.
struct ClaimersBench {
    private static let few = 8
    private static let many = [128, 256]
    private static let seconds = 10.0
    /// Left after the fastest of runs: who gets nothing has met others, and not the end of the backlog.
    private static let backlog = 200_000

    private struct Taken {
        var claims = 0
        var empty = 0
    }

    func measure(on server: PrivateServer) async throws -> [Figure] {
        // In turn, as what the machine does otherwise changes: the few are measured before and after the many.
        let before = try await rate(of: Self.few, on: server)
        var figures: [Figure] = []
        var several: [(Int, rate: Double, empty: Double)] = []
        for claimers in Self.many {
            let (rate, empty) = try await rate(of: claimers, on: server)
            several.append((claimers, rate, empty))
        }
        let after = try await rate(of: Self.few, on: server)
        let few = (before.rate + after.rate) / 2
        figures.append(Figure("\(Self.few) claimers of one queue", few, "ops/s"))
        for (claimers, rate, empty) in several {
            figures += [
                Figure("\(claimers) claimers of one queue", rate, "ops/s"),
                Figure("\(claimers) claimers against \(Self.few)", rate / few, "x", .atLeast(0.8)),
                Figure("\(claimers) claimers: claims that came away empty", empty * 100, "%", .atMost(10)),
            ]
        }
        return figures
    }

    /// Returns what some claimers take in a second, and the share of their claims that were empty.
    private func rate(of claimers: Int, on server: PrivateServer) async throws -> (rate: Double, empty: Double) {
        try await withCluster(connections: claimers + 1, on: server) { cluster in
            try await cluster.addNode("h1")
            try await cluster.fillBacklog(2 * Self.backlog)
            // Beforehand, as connections are opened then, and who joins locks the node's row, which claims have in
            // share mode all the time.
            let workers = try await withThrowingTaskGroup(of: TestWorker.self) { group in
                for _ in 0..<claimers {
                    group.addTask {
                        var worker = try cluster.worker("h1", queues: ["any-user_facing"])
                        try await worker.join()
                        return worker
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let taken = Locked(Taken())
            let (begun, end) = (ContinuousClock.now, ContinuousClock.now + .seconds(Self.seconds))
            try await withThrowingDiscardingTaskGroup { group in
                for joined in workers {
                    group.addTask {
                        var worker = joined
                        while ContinuousClock.now < end {
                            let claims = try await worker.claim(1)
                            taken.update { sum in
                                sum.claims += 1
                                sum.empty += claims.isEmpty ? 1 : 0
                            }
                        }
                    }
                }
            }
            let (sum, time) = (taken.value, (ContinuousClock.now - begun) / .seconds(1))
            return (Double(sum.claims - sum.empty) / time, Double(sum.empty) / Double(sum.claims))
        }
    }
}
