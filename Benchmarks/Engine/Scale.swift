import ArgumentParser
import ChildProcess
import ClusterEngine
import ClusterModel
import ClusterOpsTestKit
import Foundation
import MariaDB

/// The cost of a cluster of thousands at rest to its database, and the time in which deaths are noticed in it.
///
/// The sessions are the program's own: each has its worker and its pools, as in a process of its own.
struct Scale: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: "Keep the sessions of many nodes in one process, and measure what they cost the database.",
        discussion: "Exit codes: 0 every figure is within its bound, 1 one is not."
    )

    /// Four connections for each process, and what the benchmark uses.
    private var descriptors: UInt64 { UInt64(8 * nodes + 1000) }

    @Option(help: "Nodes, each with a queueworker and a netnode.") var nodes = 2000
    @Option(help: "Seconds of rest that are measured.") var seconds = 20
    @Option(help: "Sessions that are killed at once, one number for each time.") var kill: [Int] = [1, 12, 100]

    func validate() throws {
        guard (2...10_000).contains(nodes), (2...3600).contains(seconds),
            kill.allSatisfy({ (1..<nodes).contains($0) }), kill.reduce(0, +) < nodes
        else { throw ValidationError("2 to 10,000 nodes, 2 to 3,600 seconds, and fewer killed than there are nodes") }
    }

    func run() async throws {
        if let limit = DescriptorLimit.allow(descriptors) {
            throw ValidationError("\(descriptors) open files are needed, and the limit is \(limit)")
        }
        let server = try PrivateServer(
            options: [
                "--innodb-flush-log-at-trx-commit=1", "--max-connections=\(8 * nodes + 100)",
                "--max-prepared-stmt-count=1000000", "--open-files-limit=\(descriptors)",
                // A queueworker and a netnode in each of two thousand nodes begin together.
                "--back-log=10000",
            ],
            onDisk: true,
            buffers: PrivateServer.roomyBuffers
        )
        defer { server.destroy() }
        let figures = try await ScaleBench(nodes: nodes, seconds: seconds, deaths: kill).measure(on: server)
        guard figures.allSatisfy(\.isMet) else { throw ExitCode(1) }
    }
}

/// The measurement of ``Scale``.
struct ScaleBench {
    let nodes: Int
    let seconds: Int
    let deaths: [Int]

    func measure(on server: PrivateServer) async throws -> [Figure] {
        try await withCluster(on: server) { cluster in
            try await SimulatedCluster(nodes: nodes, cluster: cluster).run { simulated in
                var figures = told(try await rest(simulated, server))
                for count in deaths { figures += told(try await die(count, in: simulated)) }
                return figures
            }
        }
    }

    /// Prints figures as soon as there are: a run takes minutes.
    private func told(_ figures: [Figure]) -> [Figure] {
        for figure in figures { print(figure) }
        fflush(nil)
        return figures
    }

    /// Measures what all of them send while nothing happens.
    private func rest(_ simulated: SimulatedCluster, _ server: PrivateServer) async throws -> [Figure] {
        // Until connections that only the start took have been idle for long enough to be closed.
        try await Task.sleep(for: SimulatedCluster.settling)
        let (before, cpuBefore, begun) = (
            try await simulated.load(), ProcessorTime.used(by: server), ContinuousClock.now
        )
        var most = 0
        for _ in 0..<seconds {
            // Each second once: connections come and go.
            try await Task.sleep(for: .seconds(1))
            most = max(most, try await simulated.connections())
        }
        let (after, cpu, time) = (
            try await simulated.load(), ProcessorTime.used(by: server) - cpuBefore, ContinuousClock.now - begun
        )
        let renewals = Double(after.renewals - before.renewals)
        // Less what the measurement has asked.
        let statements = Double(after.statements - before.statements - seconds - 1)
        return [
            Figure("sessions", Double(after.sessions)),
            Figure("renewals a second", renewals / (time / .seconds(1))),
            Figure("statements a renewal", statements / renewals, "", .atMost(2)),
            Figure("rows read a renewal", Double(after.rows - before.rows) / renewals),
            Figure("processor time of the database a renewal", cpu / renewals * 1000, "ms"),
            Figure("processors that the database uses", cpu / (time / .seconds(1)), "", .atMost(0.25)),
            Figure("connections at most", Double(most), "", .atMost(Double(nodes) * 2.25)),
        ]
    }

    /// Kills sessions at once, each with an operation that it runs, and waits until all of them have been noticed.
    private func die(_ count: Int, in simulated: SimulatedCluster) async throws -> [Figure] {
        let killed = try await simulated.kill(count)
        let begun = ContinuousClock.now
        while try await simulated.isAnyUndead(of: killed) {
            // It is a time that is measured, to a twentieth of a second.
            try await Task.sleep(for: .milliseconds(50))
        }
        let noticed = ContinuousClock.now - begun
        while try await simulated.isAnyExecuting(under: killed) {
            // As above.
            try await Task.sleep(for: .milliseconds(50))
        }
        let returned = ContinuousClock.now - begun
        let most = (SimulatedCluster.lease + .seconds(count > 1 ? 4 : 2)) / .seconds(1)
        return [
            Figure("\(count) killed at once: all are noticed", noticed / .seconds(1), "s"),
            Figure("  and their work is back", returned / .seconds(1), "s", .atMost(most)),
        ]
    }
}
