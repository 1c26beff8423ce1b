import ArgumentParser
import ClusterDaemon
import ClusterReports

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Examines server, schema, rows and processes, and says what to do about each finding.",
        discussion: """
            Example: clusterctl doctor || clusterctl doctor -o json
            Changes nothing. Exit code 1 when there is a finding, or a check that could not be made.
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
