import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports
import ClusterStore
import Measurement

struct BenchPipeline: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pipeline",
        abstract: "Measure the cost of a dependency, by a chain of operations that wait for each other.",
        discussion: "Example: clusterctl bench pipeline --operations 300"
    )

    @OptionGroup var global: GlobalOptions
    @OptionGroup var options: BenchOptions

    func run() async throws {
        let count = try options.operations(unless: 300, atMost: 5000)
        try global.print(
            try await BenchRun(global, options).measure { subject in
                try await BenchRun.requireWorker(subject.cluster)
                let ids = (0..<count).map { _ in OperationID.new() }
                let chain = try zip(ids, [nil] + ids).map { id, before in
                    var request = try options.request()
                    (request.id, request.dependsOn) = (id, before.map { [$0] } ?? [])
                    return request
                }
                _ = try await subject.cluster.queue.submit(chain)
                try await BenchRun.untilOver(subject)
                let ended = try await subject.ended()
                let byID = Dictionary(uniqueKeysWithValues: ended.map { ($0.id, $0) })
                let links = zip(ids.dropFirst(), ids)
                let gaps = links.compactMap { id, before in byID[before].flatMap { byID[id]?.gapSeconds(after: $0) } }
                return BenchFigures(
                    "pipeline",
                    subject,
                    of: ended,
                    seconds: BenchedOperation.spanSeconds(of: ended),
                    durations: [("hand_over", gaps), ("run", ended.compactMap(\.runSeconds))]
                )
            }
        )
    }
}
