import ArgumentParser
import ClusterDaemon
import ClusterEngine
import ClusterModel
import ClusterReports
import ClusterStore
import Measurement

struct BenchCoalesce: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coalesce",
        abstract: "Measure how many executions serve many requests for the same work.",
        discussion: """
            Example: clusterctl bench coalesce --operations 1000 --callers 8
            'noop' is not coalescible. Configure this task on the measured nodes first: \
            tasks.bench_noop: {command: [/bin/true], coalescible: true}
            """
    )

    @OptionGroup var global: GlobalOptions
    @OptionGroup var options: BenchOptions

    func run() async throws {
        let count = try options.operations(unless: 1000, atMost: 10_000)
        try global.print(
            try await BenchRun(global, options).measure { subject in
                try await BenchRun.requireWorker(subject.cluster)
                let task = try TaskName("bench_noop")
                guard try await subject.coalesces(task) else {
                    throw Failure(
                        .failed,
                        "no node has a coalescible task 'bench_noop': configure "
                            + "tasks.bench_noop: {command: [/bin/true], coalescible: true}, and reload its queueworker"
                    )
                }
                var request = try options.request()
                // What has a deadline is one requester's, and never coalesces.
                (request.tasks, request.allowsDedup, request.deadline) = ([task], true, nil)
                let (queue, wanted) = (subject.cluster.queue, request)
                let begin = ContinuousClock.now
                let calls = try await BenchRun.calls(count, by: options.callers) { _ = try await queue.enqueue(wanted) }
                let seconds = (ContinuousClock.now - begin).seconds
                try await BenchRun.untilOver(subject)
                let ended = try await subject.ended()
                let folded = ended.count(where: \.isFolded)
                return BenchFigures(
                    "coalesce",
                    subject,
                    of: ended,
                    requests: count,
                    seconds: seconds,
                    durations: [("call", calls)],
                    counts: [
                        ("requests", count), ("deduplicated", count - ended.count), ("folded", folded),
                        ("executed", ended.count - folded),
                    ]
                )
            }
        )
    }
}
