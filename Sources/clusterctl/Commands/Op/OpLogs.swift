import ArgumentParser
import ClusterEngine
import ClusterModel
import ClusterReports

extension StandardStream: ExpressibleByArgument {}

struct OpLogs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Print what the commands of an operation have printed.",
        discussion: """
            Example: clusterctl op logs 0190163d-8694-739b-aea5-966c26f8ad01 --follow
            Of each stream the last 64 KiB are kept, of the last \(OutputTail.mostAttempts) attempts. With --follow it \
            goes on through all attempts until the operation ends, wherever it runs; stderr says what becomes of each. \
            Control characters are shown as escapes; -o json has the bytes.
            """
    )

    @OptionGroup var global: GlobalOptions

    @Argument(
        help: "The operation; its id may be abbreviated.",
        completion: Names.operations,
        transform: { try OperationReference($0) }
    )
    var uuid: OperationReference

    @Option(help: "Print this attempt, by the number of its delivery in 'op show'; default the last one.")
    var attempt: Int?

    @Option(help: "Print one stream only.")
    var stream: StandardStream?

    @Flag(help: "Go on printing as the command prints, until the operation, or the given attempt, ends.")
    var follow = false

    func validate() throws {
        if let attempt, attempt < 1 { throw ValidationError("--attempt: expected 1 or more, found \(attempt)") }
    }

    func run() async throws {
        if follow { return try await global.withPatientCluster { try await printAsItComes($0) } }
        try await global.withCluster { cluster in
            let id = try await cluster.operation(named: uuid)
            let (log, fate) = try await cluster.log(of: id, attempt: attempt, stream: stream)
            try Renderer(global.output).print(log)
            if log.items.isEmpty { Talk.say("nothing was printed, or it is not kept") }
            Talk.say(fate)
        }
    }

    private func printAsItComes(_ cluster: ClusterConnection) async throws {
        var printed = PrintedText()
        let id = try await cluster.operation(named: uuid)
        try await cluster.followLog(of: id, attempt: attempt, stream: stream) { event in
            switch event {
            case .output(let piece):
                try global.printPiece(piece, text: printed.text(of: piece))
            case .notice(let notice):
                if global.output == .table { try global.printPiece("", text: printed.endOfLine()) }
                Talk.say(notice)
            }
        }
    }
}
