import ArgumentParser
import ClusterDaemon
import ClusterReports

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check server, schema, rows and processes, and print a remedy for each finding.",
        discussion: """
            Example: clusterctl doctor || clusterctl doctor -o json
            It changes nothing. Exit code 1: there is a finding, or a check was not run. With --quiet, for monitoring: \
            exit code 2 for a critical finding, 1 for a warning or a check that was not run.
            """
    )

    @OptionGroup var global: GlobalOptions

    @Flag(help: "Print the findings only, a line each, and tell their severity by the exit code.")
    var quiet = false

    func run() async throws {
        let view = try await global.withAnyDatabase { try await $0.diagnosis() }
        if quiet, global.output == .table {
            for line in view.lines { try global.printLine(view, text: line) }
        } else {
            try global.print(view)
        }
        guard !view.healthy else { return }
        let bad = view.checks.filter { $0.state != .ok }.map(\.check)
        let status: ExitStatus = quiet && view.isCritical ? .critical : .failed
        throw Failure(status, "not as it should be: \(bad.joined(separator: ", "))")
    }
}
