import ArgumentParser
import ClusterEngine

/// The options of lists that can be printed again and again.
struct Watching: ParsableArguments {
    /// A look costs the database some milliseconds; people do not read faster.
    private static let interval: Duration = .seconds(2)

    @Flag(help: "Print the list again every 2 s, until interrupted.")
    var watch = false

    /// Prints an answer: once, or again and again in the place of the one before.
    ///
    /// While the database cannot be reached, the last answer stays, and that is said.
    func print<Value: Answer>(
        _ global: GlobalOptions,
        _ answer: (ClusterConnection) async throws -> Value
    ) async throws {
        guard watch else {
            return try await global.withCluster { try global.print(try await answer($0)) }
        }
        try await global.withPatientCluster { cluster in
            while true {
                try global.printInPlace(try await answer(cluster))
                // The database tells nobody that a list has changed, so it is read again.
                try await Task.sleep(for: Self.interval)
            }
        }
    }
}
