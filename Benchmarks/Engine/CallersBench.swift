import ClusterOpsTestKit
import Foundation
import MariaDB
import Measurement

/// The cost of a hundred overviews of a large cluster at once.
///
/// A hundred callers of one program share a read, and that is judged. A hundred that share nothing but the server are
/// work for the processors a hundred times, and cannot be faster than those allow; what is shown of them is how many
/// processors nobody uses meanwhile, because a lock that they slept on would leave some idle, and what each costs in
/// processor time, because one that they spun on would make that more than one alone costs.
struct CallersBench {
    private static let callers = 100
    private static let repetitions = 5

    func measure(on server: PrivateServer) async throws -> [Figure] {
        try await withCluster(connections: Self.callers, on: server) { cluster in
            try await StatusBench.fill(cluster, networks: 105, guests: 10)
            var figures: [Figure] = []
            for overview in [Overview.status, .services] {
                let one = try await Distribution.median(of: StatusBench.rounds) {
                    try await overview.read(cluster.inspection)
                }
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
        let together = try await Distribution.median(of: Self.repetitions) {
            try await all { _ in try await overview.read(shared) }
        }
        let own = (0..<Self.callers).map { _ in cluster.inspection }
        let before = ProcessorTime.used(with: server)
        for _ in 0..<StatusBench.rounds { try await overview.read(own[0]) }
        let alone = (ProcessorTime.used(with: server) - before) / Double(StatusBench.rounds)
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
        let (name, processors) = (overview.name, Double(ProcessInfo.processInfo.activeProcessorCount))
        return [
            Figure("\(name): \(Self.callers) callers of one program against one", together / one, "x", .atMost(10)),
            Figure("\(name): \(Self.callers) that share nothing against one", times.median / one, "x"),
            Figure("\(name): processors they keep busy, of \(Int(processors))", used / wall),
            Figure("\(name): processors that nobody uses meanwhile", idle / wall),
            Figure("\(name): processor time of each", used / Double(Self.callers * Self.repetitions) * 1000, "ms"),
            Figure("\(name): processor time of one alone", alone * 1000, "ms"),
        ]
    }

    /// The same by the command, from its start to its end.
    private func measurePrograms(_ overview: Overview, of cluster: TestCluster) async throws -> [Figure] {
        let one = try await Distribution.median(of: Self.repetitions) { try await overview.run(on: cluster) }
        let begun = ContinuousClock.now
        try await all { _ in try await overview.run(on: cluster) }
        let together = (ContinuousClock.now - begun) / .milliseconds(1)
        let command = "clusterctl \(overview.command.joined(separator: " "))"
        return [
            Figure(command, one, "ms"),
            Figure("\(command): \(Self.callers) such programs against one", together / one, "x"),
        ]
    }

    private func all(_ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<Self.callers { group.addTask { try await body(caller) } }
            try await group.waitForAll()
        }
    }
}
