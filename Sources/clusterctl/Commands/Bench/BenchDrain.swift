import ArgumentParser
import ClusterEngine
import ClusterReports
import ClusterStore
import Measurement

struct BenchDrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Measure how fast the live workers drain operations that were enqueued at once.",
        discussion: "Example: clusterctl bench drain --operations 20000 --node hv1"
    )

    @OptionGroup var global: GlobalOptions
    @OptionGroup var options: BenchOptions

    func run() async throws {
        let count = try options.operations(unless: 5000, atMost: 50_000)
        try global.print(
            try await BenchRun(global, options).measure { subject in
                try await BenchRun.requireWorker(subject.cluster)
                _ = try await subject.cluster.queue.enqueue(try options.request(), count: count)
                try await BenchRun.untilOver(subject)
                let ended = try await subject.ended()
                return BenchFigures(
                    "drain",
                    subject,
                    of: ended,
                    seconds: BenchedOperation.spanSeconds(of: ended),
                    durations: [("wait", ended.compactMap(\.waitSeconds)), ("run", ended.compactMap(\.runSeconds))]
                )
            }
        )
    }
}
