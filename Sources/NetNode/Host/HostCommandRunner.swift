/// The way in which a reconciler runs its commands; tests observe or fail them here.
package struct HostCommandRunner: Sendable {
    package let output: @Sendable (HostCommand) async throws -> HostCommand.Output

    /// Runs them as processes.
    package static let processes = HostCommandRunner { try await $0.output() }

    package init(_ output: @escaping @Sendable (HostCommand) async throws -> HostCommand.Output) {
        self.output = output
    }
}
