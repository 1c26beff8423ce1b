import ArgumentParser
import ClusterEngine
import ClusterReports

struct OpSubmit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit",
        abstract: "Enqueue operations that depend on each other, all or none.",
        discussion: "Example: clusterctl op submit upgrade.yaml"
    )

    @OptionGroup var global: GlobalOptions

    @Argument(help: "A document in JSON or YAML, or - for stdin; at most 1 MiB.", completion: .file())
    var file: String

    func run() async throws {
        let source = file == "-" ? "stdin" : file
        let text = try InputFile.read(file, limit: SubmittedGraph.largestDocument)
        let graph = try SubmittedGraph(try DocumentReader.read(text, from: source))
        try await global.withCluster { cluster in
            let receipts = try await cluster.queue.submit(graph.requests)
            try global.print(ListView(zip(graph.refs, receipts).map { SubmittedView(ref: $0, receipt: $1) }))
        }
    }
}
