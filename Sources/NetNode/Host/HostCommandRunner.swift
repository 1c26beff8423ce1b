import ChildProcess
import FoundationEssentials

/// Runs the commands of a reconciler; tests stand between it and the kernel here.
package struct HostCommandRunner: Sendable {
    package let output: @Sendable (HostCommand) async throws -> HostCommand.Output

    /// Runs them as processes.
    package static let processes = HostCommandRunner { try await $0.output() }

    package init(_ output: @escaping @Sendable (HostCommand) async throws -> HostCommand.Output) {
        self.output = output
    }

    /// Runs a command whose output is a JSON array; one that failed or was cut short is an error, never an empty list.
    func rows<Row: Decodable>(
        _ command: HostCommand,
        _ objection: ([Row]) -> String? = { _ in nil }
    ) async throws -> [Row] {
        let output = try await output(command)
        guard output.exit.isSuccess else {
            throw HostCommandError(command, .ended(output.exit), complaint: output.complaint)
        }
        let rows: [Row]
        do {
            rows = try JSONDecoder().decode([Row].self, from: Data(output.text.utf8))
        } catch {
            throw HostCommandError(command, .unreadable("\(error)"), complaint: output.complaint)
        }
        if let objection = objection(rows) {
            throw HostCommandError(command, .unreadable(objection), complaint: output.complaint)
        }
        return rows
    }
}
