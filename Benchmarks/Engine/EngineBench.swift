import ArgumentParser
import ClusterOpsTestKit

/// Benchmarks of the engine: its own promises, its part beside other queues, and clusters of thousands.
@main struct EngineBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clusterops-bench-engine",
        abstract: "Benchmark the engine.",
        subcommands: [Promises.self, Role.self, Scale.self],
        defaultSubcommand: Promises.self
    )
}

/// Measures what the design promises of the engine, on a database server of its own.
///
/// Every figure that is judged is a ratio within one run, or a latency with room for a slow machine: what a shared
/// machine does to one side it does to the other. Figures that only one machine can have are printed and not judged.
struct Promises: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure claims, starts, coalescing, pipelines and bulk on a private database.",
        discussion: "Exit codes: 0 every figure is within its bound, 1 one is not."
    )

    @Flag(help: "Print JSON instead of a table.") var json = false
    @Option(help: "Rows of the large backlog.") var rows = 1_000_000
    @Option(help: "Operations that are enqueued at once, and drained.") var drain = 50_000
    @Option(help: "Only those benchmarks whose name begins so.") var only = ""

    func validate() throws {
        guard (10_000...10_000_000).contains(rows), (1000...1_000_000).contains(drain) else {
            throw ValidationError("10,000 to 10,000,000 rows, 1,000 to 1,000,000 to drain")
        }
    }

    func run() async throws {
        let server = try PrivateServer(
            options: PrivateServer.asInProduction,
            onDisk: true,
            buffers: PrivateServer.roomyBuffers
        )
        defer { server.destroy() }
        let benchmarks: [(name: String, measure: () async throws -> [Figure])] = [
            ("claim", { try await ClaimBench(rows: rows).measure(on: server) }),
            ("claimers", { try await ClaimersBench().measure(on: server) }),
            ("start", { try await StartBench().measure(on: server) }),
            ("coalesce", { try await CoalesceBench().measure(on: server) }),
            ("trips", { try await RoundTripsBench().measure(on: server) }),
            ("pipeline", { try await PipelineBench().measure(on: server) }),
            ("busy", { try await BusyTargetBench().measure(on: server) }),
            ("list", { try await ListBench(rows: rows).measure(on: server) }),
            ("cascade", { try await CascadeBench().measure(on: server) }),
            ("status", { try await StatusBench().measure(on: server) }),
            ("networks", { try await StatusBench().measureNetworks(on: server) }),
            ("callers", { try await CallersBench().measure(on: server) }),
            ("bulk", { try await BulkBench(count: drain).measure(on: server) }),
        ]
        let chosen = benchmarks.filter { $0.name.hasPrefix(only) }
        // What measured nothing has met nothing.
        guard !chosen.isEmpty else {
            throw ValidationError(
                "--only '\(only)' is none of \(benchmarks.map(\.name).joined(separator: ", "))"
            )
        }
        var figures: [Figure] = []
        for (_, measure) in chosen {
            let found = try await measure()
            if !json { for figure in found { print(figure) } }
            figures += found
        }
        if json { try figures.printJSON() }
        guard figures.allSatisfy(\.isMet) else { throw ExitCode(1) }
    }
}

extension PrivateServer {
    /// What `deploy/mariadb/clusterops.cnf` sets, as far as a benchmark notices: a COMMIT is on the disk before it is
    /// answered, and connections share a pool of threads.
    static let asInProduction = ["--innodb-flush-log-at-trx-commit=1", "--thread-handling=pool-of-threads"]
}
