import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports
import ClusterStore
import Measurement

struct BenchLatency: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency",
        abstract: "Measure the time from enqueue to start and to the known end in an idle cluster.",
        discussion: "Example: clusterctl bench latency --operations 500 -o json"
    )

    @OptionGroup var global: GlobalOptions
    @OptionGroup var options: BenchOptions

    func run() async throws {
        let count = try options.operations(unless: 200, atMost: 10_000)
        try global.print(
            try await BenchRun(global, options).measure { subject in
                try await BenchRun.requireWorker(subject.cluster)
                let (queue, request) = (subject.cluster.queue, try options.request())
                var (calls, ends) = ([Double](), [Double]())
                let begin = ContinuousClock.now
                for _ in 0..<count {
                    try Task.checkCancellation()
                    let asked = ContinuousClock.now
                    let id = try await queue.enqueue(request).uuid
                    calls.append((ContinuousClock.now - asked).seconds)
                    _ = try await queue.ends(of: [id], timeout: nil)
                    ends.append((ContinuousClock.now - asked).seconds)
                }
                let seconds = (ContinuousClock.now - begin).seconds
                let ended = try await subject.ended()
                return BenchFigures(
                    "latency",
                    subject,
                    of: ended,
                    seconds: seconds,
                    durations: [
                        ("call", calls), ("wait", ended.compactMap(\.waitSeconds)),
                        ("run", ended.compactMap(\.runSeconds)), ("end_known", ends),
                    ]
                )
            }
        )
    }
}
