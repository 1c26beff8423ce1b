import ArgumentParser
import ClusterEngine
import ClusterModel

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
        var isUnreachable = false
        while true {
            do {
                try await global.withCluster { cluster in
                    while true {
                        let current = try await answer(cluster)
                        if isUnreachable { Talk.say("the database can be reached again") }
                        isUnreachable = false
                        try global.printInPlace(current)
                        // The database tells nobody that a list has changed, so it is read again.
                        try await Task.sleep(for: Self.interval)
                    }
                }
            } catch let error as ClusterOpsError where error.code == .unreachable {
                if !isUnreachable { Talk.say("\(error.message); trying again") }
                isUnreachable = true
                // Nobody tells that the server is back; tried at once, it would be met by a crowd when it is.
                try await Task.sleep(for: Self.interval)
            }
        }
    }
}
