import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports
import Measurement

struct BenchEnqueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enqueue",
        abstract: "Measure the rate of single enqueues from several callers; nothing runs them.",
        discussion: "Example: clusterctl bench enqueue --operations 2000 --callers 8"
    )

    @OptionGroup var global: GlobalOptions
    @OptionGroup var options: BenchOptions

    func run() async throws {
        let count = try options.operations(unless: 1000, atMost: 10_000)
        try global.print(
            try await BenchRun(global, options).measure { subject in
                let request = try options.request(isDelayed: true)
                let begin = ContinuousClock.now
                let calls = try await BenchRun.calls(count, by: options.callers) {
                    _ = try await subject.cluster.queue.enqueue(request)
                }
                let seconds = (ContinuousClock.now - begin).seconds
                return BenchFigures("enqueue", subject, made: count, seconds: seconds, durations: [("call", calls)])
            }
        )
    }
}
