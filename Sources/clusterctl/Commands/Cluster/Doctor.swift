import ArgumentParser
import ClusterDaemon
import ClusterReports

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check server, schema, rows and processes, and print a remedy for each finding.",
        discussion: """
            Example: clusterctl doctor || clusterctl doctor -o json
            It changes nothing. Exit code 1: there is a finding, or a check was not run.
            """
    )

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let view = try await global.withAnyDatabase { try await $0.diagnosis() }
        try global.print(view)
        guard view.healthy else {
            let bad = view.checks.filter { $0.state != .ok }.map(\.check)
            throw Failure(.failed, "not as it should be: \(bad.joined(separator: ", "))")
        }
    }
}
