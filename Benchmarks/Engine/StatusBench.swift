import ClusterOpsTestKit
import Foundation
import MariaDB
import Measurement

/// The cost of an overview of a large cluster, and of a hundred at once.
///
/// A hundred callers of one program share a read, and that is judged. A hundred that share nothing but the server are
/// work for the processors a hundred times, and cannot be faster than those allow; what is shown of them is how many
/// processors nobody uses meanwhile, because a lock that they slept on would leave some idle, and what each costs in
/// processor time, because one that they spun on would make that more than one alone costs.
struct StatusBench {
    private static let rounds = 100
    private static let callers = 100
    private static let repetitions = 5

    func measure(on server: PrivateServer) async throws -> [Figure] {
        try await withCluster(connections: Self.callers, on: server) { cluster in
            try await cluster.addLargeCluster(nodes: 2000, processes: 105)
            try await cluster.fillBacklog(20_000)
            var figures: [Figure] = []
            for overview in [Overview.status, .services] {
                let one = try await median(of: Self.rounds) { _ = try await overview.read(cluster.inspection) }
                figures.append(Figure(overview.name, one, "ms", .atMost(20)))
                figures += try await measureCallers(overview, against: one, of: cluster, on: server)
                figures += try await measurePrograms(overview, of: cluster)
            }
            return figures
        }
    }

    private func measureCallers(
        _ overview: Overview,
        against one: Double,
        of cluster: TestCluster,
        on server: PrivateServer
    ) async throws -> [Figure] {
        let shared = cluster.inspection
        let together = try await median { try await all { _ in try await overview.read(shared) } }
        let own = (0..<Self.callers).map { _ in cluster.inspection }
        let before = ProcessorTime.used(with: server)
        for _ in 0..<Self.rounds { try await overview.read(own[0]) }
        let alone = (ProcessorTime.used(with: server) - before) / Double(Self.rounds)
        // Connections are opened, and statements prepared, before anything counts.
        try await all { try await overview.read(own[$0]) }
        var (used, idle, wall) = (0.0, 0.0, 0.0)
        var times = Distribution()
        for _ in 0..<Self.repetitions {
            let (usedBefore, idleBefore, begun) = (
                ProcessorTime.used(with: server), ProcessorTime.idle, ContinuousClock.now
            )
            try await all { try await overview.read(own[$0]) }
            let time = ContinuousClock.now - begun
            used += ProcessorTime.used(with: server) - usedBefore
            idle += ProcessorTime.idle - idleBefore
            wall += time / .seconds(1)
            times.add(time)
        }
        let processors = Double(ProcessInfo.processInfo.activeProcessorCount)
        return [
            Figure("\(Self.callers) callers of one program against one", together / one, "x", .atMost(10)),
            Figure("\(Self.callers) callers that share nothing against one", times.median / one, "x"),
            Figure("  processors that they and the server keep busy, of \(Int(processors))", used / wall),
            Figure("  processors that nobody uses meanwhile", idle / wall),
            Figure("  processor time of each", used / Double(Self.callers * Self.repetitions) * 1000, "ms"),
            Figure("  processor time of one alone", alone * 1000, "ms"),
        ]
    }

    /// The same by the command, from its start to its end.
    private func measurePrograms(_ overview: Overview, of cluster: TestCluster) async throws -> [Figure] {
        let one = try await median { try await overview.run(on: cluster) }
        let begun = ContinuousClock.now
        try await all { _ in try await overview.run(on: cluster) }
        let together = (ContinuousClock.now - begun) / .milliseconds(1)
        return [
            Figure("clusterctl \(overview.command.joined(separator: " "))", one, "ms"),
            Figure("\(Self.callers) such programs against one", together / one, "x"),
        ]
    }

    /// Milliseconds of the middle of some runs; the first, which opens connections and prepares, does not count.
    private func median(of count: Int = repetitions, _ body: () async throws -> Void) async throws -> Double {
        try await body()
        var sample = Distribution()
        for _ in 0..<count { sample.add(try await ContinuousClock().measure { try await body() }) }
        return sample.median
    }

    private func all(_ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<Self.callers { group.addTask { try await body(caller) } }
            try await group.waitForAll()
        }
    }
}
