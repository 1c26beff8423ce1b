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

    @Flag(help: "Print JSON at the end instead of a table.") var json = false
    @Option(help: "Nodes, each with a queueworker and a netnode.") var nodes = 2000
    @Option(help: "Seconds of rest that are measured.") var seconds = 20
    @Option(help: "Seconds before, in which what the start took comes to its end.") var settling = 45
    @Option(help: "Sessions that are killed at once, one number for each time.") var kill: [Int] = [1, 12, 100]

    func validate() throws {
        guard (2...10_000).contains(nodes), (2...3600).contains(seconds), (0...3600).contains(settling),
            kill.allSatisfy({ (1..<nodes).contains($0) }), kill.reduce(0, +) < nodes
        else { throw ValidationError("2 to 10,000 nodes, 2 to 3,600 seconds, and fewer killed than there are nodes") }
    }

    func run() async throws {
        if let limit = DescriptorLimit.allow(descriptors) {
            throw ValidationError("\(descriptors) open files are needed, and the limit is \(limit)")
        }
        let server = try PrivateServer(
            options: PrivateServer.asInProduction + [
                "--max-connections=\(8 * nodes + 100)",
                "--max-prepared-stmt-count=1000000", "--open-files-limit=\(descriptors)",
                // A queueworker and a netnode in each of two thousand nodes begin together.
                "--back-log=10000",
            ],
            onDisk: true,
            buffers: PrivateServer.roomyBuffers
        )
        defer { server.destroy() }
        let bench = ScaleBench(nodes: nodes, seconds: seconds, settling: settling, deaths: kill) { figures in
            guard !json else { return }
            // As soon as there are some: a run takes minutes.
            for figure in figures { print(figure) }
            fflush(nil)
        }
        let figures = try await bench.measure(on: server)
        if json { try figures.printJSON() }
        guard figures.allSatisfy(\.isMet) else { throw ExitCode(1) }
    }
}

/// The measurement of ``Scale``.
struct ScaleBench {
    let nodes: Int
    let seconds: Int
    /// In which connections of the start are closed, and nearly every session looks once at what concerns the cluster:
    /// its statement is prepared with the first time.
    let settling: Int
    let deaths: [Int]
    /// Is told figures as soon as there are.
    let tell: @Sendable ([Figure]) -> Void

    func measure(on server: PrivateServer) async throws -> [Figure] {
        try await withCluster(on: server) { cluster in
            try await SimulatedCluster(nodes: nodes, cluster: cluster).run { simulated in
                var figures = told(try await rest(simulated, server))
                for count in deaths { figures += told(try await die(count, in: simulated)) }
                return figures
            }
        }
    }

    private func told(_ figures: [Figure]) -> [Figure] {
        tell(figures)
        return figures
    }

    /// Measures what all of them send while nothing happens.
    private func rest(_ simulated: SimulatedCluster, _ server: PrivateServer) async throws -> [Figure] {
        // Nothing tells when the start is over: what it took ends by being idle for long enough.
        try await Task.sleep(for: .seconds(settling))
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
            Figure("\(nodes) nodes: sessions", Double(after.sessions)),
            Figure("\(nodes) nodes: renewals a second", renewals / (time / .seconds(1))),
            Figure("\(nodes) nodes: statements a renewal", statements / renewals, "", .atMost(2)),
            Figure("\(nodes) nodes: rows read a renewal", Double(after.rows - before.rows) / renewals),
            Figure("\(nodes) nodes: processor time of the database a renewal", cpu / renewals * 1000, "ms"),
            Figure("\(nodes) nodes: processors that the database uses", cpu / (time / .seconds(1)), "", .atMost(0.25)),
            Figure("\(nodes) nodes: connections at most", Double(most), "", .atMost(Double(nodes) * 2.25)),
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
            Figure("\(nodes) nodes, \(count) killed: all are noticed", noticed / .seconds(1), "s"),
            Figure("\(nodes) nodes, \(count) killed: their work is back", returned / .seconds(1), "s", .atMost(most)),
        ]
    }
}
